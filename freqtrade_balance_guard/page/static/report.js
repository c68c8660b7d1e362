/* The report: the same look as the page, from data that is in the file. */
"use strict";
(() => {
  const { el, amount, money, percent, time, words, card, tile, tag, table, bars, chart, theme, saved } = show;
  const data = JSON.parse(document.getElementById("data").textContent);
  const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
  const count = (bot, metric, wanted) => sum(Object.entries(bot.counters[metric] || {}).filter(([name]) => wanted(name)).map(([, n]) => n));
  const add = (into, from) => { for (const [key, n] of Object.entries(from)) into[key] = (into[key] || 0) + n; return into; };
  let currency = null;
  /* First the bot that has most to show. */
  let chosen = data.bots.reduce((best, bot, index) => (bot.history.length > data.bots[best].history.length ? index : best), 0);

  const all = {
    denials: data.bots.reduce((found, bot) => add(found, bot.denials), {}),
    hit: sum(data.bots.map((bot) => count(bot, "cache_lookups", (name) => name === "hit"))),
    miss: sum(data.bots.map((bot) => count(bot, "cache_lookups", (name) => name === "miss"))),
    rejected: sum(data.bots.map((bot) => count(bot, "rejections", () => true))),
    accepted: sum(data.bots.map((bot) => count(bot, "orders", (name) => name.endsWith("accepted") || name.endsWith("found")))),
    lost: sum(data.bots.map((bot) => count(bot, "orders", (name) => name.endsWith(" lost")))),
    found: sum(data.bots.map((bot) => count(bot, "orders", (name) => name.endsWith(" found")))),
    external: sum(data.bots.map((bot) => count(bot, "external_changes", () => true))),
  };

  const byDay = (bots) => {
    const days = {};
    for (const bot of bots) for (const one of bot.daily_denials) days[one.day] = (days[one.day] || 0) + one.total;
    return Object.entries(days).sort().slice(-31).map(([name, value]) => ({ name, value }));
  };

  const demoTable = () => {
    const scenes = data.demo.scenes;
    const pair = (key, isBad) => (s) => el("span", {},
      el("span", { class: isBad && s.plain[key] ? "bad" : "" }, String(s.plain[key])), " → ",
      el("b", { class: isBad && s.guarded[key] ? "bad" : "good" }, String(s.guarded[key])));
    for (const scene of scenes) for (const side of [scene.plain, scene.guarded]) {
      side.trouble = side.stuck_trades.length + side.unknown_orders.length + side.legs_alone.length + side.wrong_sizes.length;
    }
    return card("Plain freqtrade and guarded, side by side", el("p", { class: "dim" }, "The same strategy, money, prices and troubles, each on an exchange of its own: plain → guarded."), table([
      { title: "scene", kind: "wide", of: (s) => s.title },
      { title: "orders rejected", kind: "number", of: pair("rejected", true) },
      { title: "stuck, unknown or wrong", kind: "number", of: pair("trouble", true) },
      { title: "private calls", kind: "number", of: pair("private_calls", false) },
    ], scenes, ""));
  };

  /* With one leg missing, what the other one has cost is no result. */
  const isWhole = (arbitrage) => ["hedged", "filled"].includes(arbitrage.state);

  const oneBot = (bot) => {
    const stake = bot.stake_currency;
    const coins = [...new Set(bot.history.map((point) => point.currency))].sort((a, b) => (b === stake) - (a === stake) || a.localeCompare(b));
    if (!coins.includes(currency)) currency = coins.includes(stake) ? stake : coins[0] || null;
    const points = bot.history.filter((point) => point.currency === currency);
    const until = points.length ? (data.demo ? Date.parse(points[points.length - 1].at) / 1000 + 1 : Date.parse(data.made_at) / 1000) : 0;
    const pick = el("select", { "aria-label": "Currency", onchange: (event) => { currency = event.target.value; draw(); } },
      coins.map((coin) => el("option", { value: coin, selected: coin === currency }, coin)));
    const parts = [card(el("div", { class: "head" }, el("h2", {}, "Money over time"), coins.length > 1 ? pick : currency || ""),
      chart(points, until),
      table([
        { title: "when", kind: "nowrap", of: (p) => time(p.at) },
        { title: "change", kind: "number", of: (p) => amount(p.change) },
        { title: "total", kind: "number", of: (p) => amount(p.total) },
        { title: "cause", of: (p) => `${words(p.cause)}${p.detail ? ` · ${p.detail}` : ""}` },
      ], points.filter((p) => p.cause !== "hold").slice(-12).reverse(), ""))];
    parts.push(card("Last decisions", table([
      { title: "pair", kind: "nowrap", of: (d) => d.pair },
      { title: "decision", of: (d) => tag(words(d.outcome), d.outcome === "denied" ? "warn" : d.outcome === "approved" ? "good" : "") },
      { title: "reason", kind: "wide", of: (d) => (d.code ? el("span", {}, `${d.sentence}. `, el("code", { class: "dim" }, d.code)) : d.sentence) },
      { title: "times", kind: "number", of: (d) => String(d.count) },
    ], bot.decisions, "No entry signal has come.")));
    if (bot.rebalances.length) parts.push(card("Rebalances", table([
      { title: "when", kind: "nowrap", of: (r) => time(r.started_at) },
      { title: "why", of: (r) => r.reason },
      { title: "available before", kind: "number", of: (r) => money(r.available, stake) },
      { title: "expected after", kind: "number", of: (r) => money(r.expected, stake) },
      { title: "sold", kind: "wide", of: (r) => r.sales.map((s) => `${amount(s.amount)} of ${s.pair} (${words(s.outcome)})`).join(", ") },
    ], bot.rebalances, "")));
    const arbitrages = bot.counters.arbitrages || {};
    if (Object.keys(arbitrages).length || bot.arbitrages.length || bot.unhedged.length) parts.push(card("Arbitrages",
      bars(Object.entries(arbitrages).map(([name, value]) => ({ name: words(name), value })), ""),
      el("p", {}, `Realised: ${money(bot.arbitrage_profit, stake)}`),
      bot.arbitrages.length ? table([
        { title: "when", kind: "nowrap", of: (a) => time(a.made_at) },
        { title: "legs", kind: "wide", of: (a) => a.legs.join("; ") },
        { title: "state", of: (a) => tag(words(a.state), a.state === "unhedged" ? "bad" : isWhole(a) ? "good" : "") },
        { title: "quoted", kind: "number", of: (a) => money(a.quoted_profit, stake) },
        { title: "filled", kind: "number", of: (a) => (isWhole(a) ? money(a.profit, stake) : "–") },
        { title: "of it lost on the way", kind: "number", of: (a) => (isWhole(a) && a.quoted_profit && a.profit && Number(a.quoted_profit) ? percent(1 - Number(a.profit) / Number(a.quoted_profit)) : "–") },
      ], bot.arbitrages, "") : null,
      bot.unhedged.length ? table([
        { title: "amount", of: (u) => `${amount(u.amount)} ${u.currency} ${u.direction}` },
        { title: "venue", of: (u) => `${u.venue} · ${u.pair}` },
        { title: "state", of: (u) => tag(u.state, u.state === "open" ? "bad" : "good") },
        { title: "story", kind: "wide", of: (u) => u.doing },
      ], bot.unhedged, "") : null));
    parts.push(card("Incidents and news", bot.messages.length ? el("ul", { class: "story" }, bot.messages.map((m) =>
      el("li", {}, tag(m.kind, m.kind === "incident" ? "bad" : m.kind === "recovery" ? "good" : ""), ` ${m.text} `, el("span", { class: "dim" }, time(m.at))))) : el("p", { class: "dim" }, "Nothing that needed a person.")));
    return parts;
  };

  const draw = () => {
    const denied = sum(Object.values(all.denials));
    const bot = data.bots[chosen];
    document.getElementById("who").textContent = data.demo ? "the demo" : `${bot ? bot.title : ""}`;
    document.getElementById("clock").textContent = time(data.made_at);
    const parts = [el("div", { class: "tiles" },
      tile(denied.toLocaleString("en-US"), "entries denied"),
      tile(String(all.rejected), "orders rejected by the exchange", all.rejected ? "warn" : "good"),
      tile(all.accepted.toLocaleString("en-US"), "orders accepted"),
      tile(all.lost ? `${all.found} of ${all.lost}` : "none", "lost replies found at once"),
      tile(all.hit + all.miss ? percent(all.hit / (all.hit + all.miss)) : "–", `cache hits: ${all.hit.toLocaleString("en-US")} requests saved`),
      tile(String(all.external), "changes from outside"),
    )];
    if (data.demo) parts.push(demoTable());
    parts.push(el("div", { class: "two" },
      card("What did it save?", bars(saved(all.denials), "No entry was denied."), el("p", { class: "dim" }, "A signal that repeats is counted each time.")),
      card("Denials by code", bars(Object.entries(all.denials).sort((a, b) => b[1] - a[1]).map(([code, value]) => ({ name: words(code), value })), "No entry was denied."))));
    const days = byDay(data.bots);
    if (days.length > 1) parts.push(card("Denials by day", bars(days, "")));
    if (data.bots.length > 1) parts.push(card(el("div", { class: "head" }, el("h2", {}, data.demo ? "Scene" : "Bot"),
      el("select", { "aria-label": "Bot", onchange: (event) => { chosen = Number(event.target.value); currency = null; draw(); } },
        data.bots.map((one, index) => el("option", { value: index, selected: index === chosen }, one.title))))));
    if (bot) parts.push(...oneBot(bot));
    const place = window.scrollY;
    document.getElementById("content").replaceChildren(...parts);
    window.scrollTo(0, place);
    document.body.dataset.ready = "yes";
  };
  document.getElementById("theme").addEventListener("click", () => { theme.set(theme.get() === "light" ? "dark" : "light"); draw(); });
  draw();
})();
