/* What page and report share: text, tables, bars and the chart. Everything that comes as data is put
   in as text, never as HTML. */
"use strict";
const show = (() => {
  const el = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined && child !== "") made.append(child);
    }
    return made;
  };

  /* Money comes as text with all digits; shown with the digits that a person can use. */
  const amount = (text) => {
    if (text === null || text === undefined || text === "") return "–";
    const number = Number(text);
    if (!Number.isFinite(number)) return String(text);
    const size = Math.abs(number);
    const digits = size >= 100 ? 2 : size >= 1 ? 4 : 8;
    return number.toLocaleString("en-US", { maximumFractionDigits: digits });
  };
  const money = (text, currency) => (text === null || text === undefined ? "–" : `${amount(text)} ${currency || ""}`);
  const percent = (ratio) => `${(100 * ratio).toFixed(ratio < 0.1 && ratio > 0 ? 1 : 0)} %`;
  const span = (seconds) => {
    const s = Math.max(0, seconds);
    if (s < 60) return `${Math.round(s)} s`;
    if (s < 3600) return `${Math.round(s / 60)} min`;
    if (s < 172800) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86400)} days`;
  };
  const ago = (iso, now) => `${span((now - Date.parse(iso)) / 1000)} ago`;
  const time = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  const words = (code) => String(code || "").replaceAll("_", " ");

  const card = (title, ...children) =>
    el("section", { class: "card", "data-card": typeof title === "string" ? title : title.textContent },
      typeof title === "string" ? el("h2", {}, title) : title, ...children);
  /* A number with more digits than a person reads; never where two numbers are compared. */
  const tidy = (text) => String(text).replace(/\d+\.\d{5,}/g, (number) => amount(number).replaceAll(",", ""));
  const tile = (value, label, kind) =>
    el("div", { class: "tile" }, el("b", { class: kind || "" }, value), el("span", {}, label));
  const tag = (text, kind) => el("span", { class: `tag ${kind || ""}` }, text);

  /* On a phone a zero takes no line of its own. */
  const cell = (column, value) => el("td", {
    class: column.kind || "", "data-label": column.title || null,
    "data-zero": (value === "0" || value === "–") && column.title !== "available",
  }, value);

  /* columns: [{title, of: row => text or node, kind: "number" | "wide" | ""}] */
  const table = (columns, rows, empty) => {
    if (!rows.length) return el("p", { class: "dim" }, empty);
    const head = el("tr", {}, columns.map((c) => el("th", { class: c.kind || "" }, c.title)));
    const body = rows.map((row) =>
      el("tr", {}, columns.map((c) =>
        cell(c, c.of(row)))));
    return el("div", { class: "scroll" },
      el("table", { class: "stack" }, el("thead", {}, head), el("tbody", {}, body)));
  };

  const bars = (rows, empty) => {
    const most = Math.max(...rows.map((row) => row.value), 0);
    if (!most) return el("p", { class: "dim" }, empty);
    return el("div", {}, rows.map((row) =>
      el("div", { class: "hbar" }, el("span", {}, row.name),
        el("div", { class: "bar" }, el("i", { style: `width:${(100 * row.value) / most}%` })),
        el("span", { class: "number" }, row.text || row.value.toLocaleString("en-US")))));
  };

  /* A coin that an order sells is in use as a whole, and rightly so. */
  const utilization = (ratio, isStake) => {
    if (!ratio) return null;
    const kind = !isStake ? "" : ratio >= 0.95 ? "bad" : ratio >= 0.8 ? "warn" : "";
    return el("div", { class: "bar", title: percent(ratio) },
      el("i", { class: kind, style: `width:${Math.min(100, 100 * ratio)}%` }));
  };

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const LINES = [
    { key: "expected", name: "expected", color: "--second" },
    { key: "total", name: "total", color: "--accent", dash: [8, 6] },
    { key: "available", name: "available", color: "--good" },
  ];

  /* Times are UTC everywhere; the date stands below the first label and at each midnight. */
  const timeLabels = (plot, splits, axis, space, increment) => splits.map((moment, index) => {
    const iso = new Date(moment * 1000).toISOString();
    const date = iso.slice(0, 10);
    if (increment >= 86400) return date;
    const label = iso.slice(11, increment < 1 ? 21 : increment < 60 ? 19 : 16);
    return index === 0 || iso.slice(11, 19) === "00:00:00" ? `${label}\n${date}` : label;
  });

  /* Money over time, as steps: between two points nothing changed. */
  const chart = (points, until, height) => {
    const box = el("div", { class: "chart" });
    if (!points.length) return el("p", { class: "dim" }, "No change is stored yet.");
    const x = points.map((point) => Date.parse(point.at) / 1000);
    const lines = LINES.map((line) =>
      points.map((point) => (point[line.key] === null ? null : Number(point[line.key]))));
    x.push(Math.max(until, x[x.length - 1] + 1));
    lines.forEach((line) => line.push(line[line.length - 1]));
    const axis = {
      stroke: color("--dim"), font: "12px system-ui, sans-serif",
      grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 },
    };
    const options = (width) => ({
      width, height: height || 220, cursor: { y: false }, legend: { show: false },
      scales: { x: { time: true } },
      tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), "UTC"),
      axes: [{ ...axis, space: 90, values: timeLabels }, { ...axis, size: 64 }],
      series: [{}, ...LINES.map((line) => ({
        label: line.name, stroke: color(line.color), width: 2, dash: line.dash,
        paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      }))],
    });
    const legend = el("div", { class: "legend" }, LINES.map((line) =>
      el("span", {}, el("i", { style: `background:${color(line.color)}` }), line.name)));
    let plot = null;
    const draw = () => {
      const width = Math.floor(box.clientWidth);
      if (!width) return;
      if (plot) plot.setSize({ width, height: height || 220 });
      else plot = new uPlot(options(width), [x, ...lines], box);
    };
    new ResizeObserver(draw).observe(box);
    return el("div", {}, box, legend);
  };

  const theme = {
    get: () => {
      try { const kept = localStorage.getItem("balanceGuardTheme"); if (kept) return kept; } catch (e) { /* no storage */ }
      return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    },
    set: (name) => {
      document.documentElement.dataset.theme = name;
      try { localStorage.setItem("balanceGuardTheme", name); } catch (e) { /* no storage */ }
    },
  };
  document.documentElement.dataset.theme = theme.get();

  /* What denials kept from happening, by what the exchange would have done. */
  const SAVED = [
    { name: "orders that the exchange would have rejected", codes: ["insufficient_available", "amount_below_exchange_minimum", "cost_below_exchange_minimum", "minimum_rejected", "funds_rejected"] },
    { name: "positions too small to be taken, or to be sold again", codes: ["no_room_for_exit", "cap_below_minimum", "stake_below_minimum"] },
    { name: "the same money given to two orders", codes: ["reserved_by_others"] },
    { name: "entries on a balance in doubt", codes: ["balance_lagging", "balance_unreadable"] },
    { name: "entries while an outcome was unknown", codes: ["order_unresolved", "ledger_unavailable", "self_check_failed", "guard_error"] },
    { name: "entries below the user's limits", codes: ["below_threshold", "rebalance_cooldown", "paused"] },
  ];
  const saved = (denials) => SAVED.map((group) => ({
    name: group.name, value: group.codes.reduce((sum, code) => sum + (denials[code] || 0), 0),
  })).filter((group) => group.value);

  return { el, amount, money, percent, span, ago, time, words, card, tidy, tile, tag, table, bars, utilization, chart, theme, saved };
})();
