/* The live page: log in, ask every five seconds, show. */
"use strict";
(() => {
  const { el, amount, money, percent, ago, time, words, card, tidy, tile, tag, table, bars, utilization, chart, theme, saved } = show;
  const base = location.pathname.replace(/\/guard\/?$/, "");
  const $ = (id) => document.getElementById(id);
  const OWN = "balanceGuardLogin";
  const EVERY = 5000;
  let login = null, currency = null, timer = null, last = null, busy = false;

  /* Logins: our own, or FreqUI's for this very server. */
  const stored = () => {
    try {
      const own = JSON.parse(localStorage.getItem(OWN) || "null");
      if (own && own.accessToken) return { ...own, key: OWN };
      const all = JSON.parse(localStorage.getItem("ftAuthLoginInfo") || "{}");
      for (const one of Object.values(all)) {
        const url = new URL(one.apiUrl || location.origin, location.origin);
        if (url.origin === location.origin && url.pathname.replace(/\/$/, "") === base && one.accessToken) return { ...one, key: null };
      }
    } catch (e) { /* no storage, or not readable */ }
    return null;
  };
  const keep = () => {
    try { if (login && login.key) localStorage.setItem(OWN, JSON.stringify(login)); } catch (e) { /* no storage */ }
  };
  const refresh = async () => {
    if (!login || !login.refreshToken) return false;
    const answer = await fetch(`${base}/api/v1/token/refresh`, { method: "POST", headers: { Authorization: `Bearer ${login.refreshToken}` } });
    if (!answer.ok) return false;
    login.accessToken = (await answer.json()).access_token;
    keep();
    return true;
  };
  class LoggedOut extends Error {}
  const ask = async (path, options) => {
    const call = () => fetch(`${base}/api/v1/guard/${path}`, {
      ...options, cache: "no-store",
      headers: { Authorization: `Bearer ${login.accessToken}`, "Content-Type": "application/json" },
    });
    let answer = await call();
    if (answer.status === 401 && (await refresh())) answer = await call();
    if (answer.status === 401) throw new LoggedOut();
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.detail || `The bot answered ${answer.status}.`);
    return told;
  };

  /* A question before anything is changed. */
  const confirmed = (text, yes, why) => new Promise((resolve) => {
    $("ask-text").textContent = text;
    $("ask-yes").textContent = yes;
    $("ask-why-label").hidden = !why;
    $("ask-why").value = "";
    const dialog = $("ask");
    dialog.onclose = () => resolve(dialog.returnValue === "yes" ? $("ask-why").value : null);
    dialog.returnValue = "no";
    dialog.showModal();
  });
  const act = async (path, payload, question, yes, why) => {
    const reason = await confirmed(question, yes, why);
    if (reason === null) return;
    try {
      const told = await ask(path, { method: "POST", body: JSON.stringify({ ...payload, ...(why ? { why: reason } : {}) }) });
      notice(told.sentence || "Done.", told.done === false ? "warn" : "good");
    } catch (error) { failed(error); }
    update();
  };
  let note = null;
  const notice = (text, kind) => { note = { text, kind, until: Date.now() + 12000 }; };
  const failed = (error) => {
    if (error instanceof LoggedOut) { logOut(); return; }
    notice(error.message, "bad");
  };

  /* What needs a person now. */
  const troubles = (data) => {
    const found = [];
    const { status } = data;
    if (status.ledger_error) found.push(["bad", `The ledger cannot be used: ${status.ledger_error} No entry goes out, exits do.`]);
    const own = status.balances[status.account] || {};
    for (const [name, one] of Object.entries(own)) {
      if (one.verdict === "unreadable") found.push(["bad", `The ${name} balance is unreadable. No entry goes out, exits do.`]);
    }
    for (const one of status.unhedged) found.push(["bad", `Unhedged: ${amount(one.amount)} ${one.currency} on ${one.venue} (${one.direction}), worth ${amount(one.value)}: ${one.doing}.`]);
    for (const one of status.unresolved.filter((one) => one.age_seconds >= 15)) {
      found.push(["bad", one.code === "exit_unresolved" ? `The outcome of an exit of ${one.pair} is unknown; the next exit goes out all the same.`
        : `The outcome of an order of ${one.pair} is unknown; no new entry on ${one.pair}.`]);
    }
    for (const one of status.paused) found.push(["warn", `Entries are paused by you${one.why ? ` (${one.why})` : ""}; exits go on.`]);
    const rising = Object.keys(own).filter((name) => own[name].verdict === "rising_unconfirmed");
    if (rising.length) found.push(["note", `${rising.join(", ")}: more than expected; the rise is spent when a second answer agrees.`]);
    const lagging = Object.keys(own).filter((name) => own[name].verdict === "lagging");
    if (lagging.length) found.push(["note", `${lagging.join(", ")}: the exchange has not caught up with own orders yet. What is in doubt is not spent.`]);
    const me = status.bots.find((bot) => bot.bot === status.bot);
    if (me && !me.alive) found.push(["warn", "The bot has given no sign of life lately."]);
    return found;
  };

  const verdictTag = (verdict) => {
    const kind = verdict === "confirmed" ? "good" : verdict === "unreadable" ? "bad" : verdict && verdict !== "simulated" ? "warn" : "";
    return tag(words(verdict) || "simulated", kind);
  };

  const moneyNow = (data, now) => {
    const rows = [];
    for (const [account, coins] of Object.entries(data.status.balances)) {
      for (const [name, one] of Object.entries(coins)) rows.push({ account, name, ...(data.balances[account]?.[name] || {}), ...one });
    }
    /* A coin that was sold is history. */
    const isShown = (r) => r.name === data.stake || Number(r.total) || Number(r.reserved_own) || Number(r.floor) || !["confirmed", "simulated"].includes(r.verdict);
    rows.splice(0, rows.length, ...rows.filter(isShown));
    rows.sort((a, b) => (b.name === data.stake) - (a.name === data.stake) || a.name.localeCompare(b.name));
    return card("Balances", table([
      { title: "currency", kind: "nowrap", of: (r) => (r.account === data.status.account ? r.name : `${r.name} · ${r.account}`) },
      { title: "available", kind: "number", of: (r) => amount(r.available) },
      { title: "total", kind: "number", of: (r) => amount(r.total) },
      { title: "held by orders", kind: "number", of: (r) => amount(r.used) },
      { title: "reserved", kind: "number", of: (r) => amount(r.reserved_own) },
      { title: "by other bots", kind: "number", of: (r) => amount(r.reserved_others) },
      { title: "floor", kind: "number", of: (r) => amount(r.floor) },
      { title: "in use", of: (r) => (r.utilization === null || r.utilization === undefined ? "–" : el("div", {}, percent(Number(r.utilization)), utilization(Number(r.utilization), r.name === data.stake))) },
      { title: "verdict", of: (r) => verdictTag(r.verdict) },
      { title: "read", kind: "nowrap", of: (r) => (r.age_seconds === null || r.age_seconds === undefined ? "–" : `${show.span(r.age_seconds)} ago`) },
    ], rows, "No balance is stored yet."));
  };

  const overTime = (data, now) => {
    const coins = [...new Set(data.history.map((point) => point.currency))].sort((a, b) => (b === data.stake) - (a === data.stake) || a.localeCompare(b));
    if (!coins.includes(currency)) currency = coins.includes(data.stake) ? data.stake : coins[0] || null;
    const choose = el("select", { "aria-label": "Currency", onchange: (event) => { currency = event.target.value; event.target.blur(); draw(last); } },
      coins.map((coin) => el("option", { value: coin, selected: coin === currency }, coin)));
    const points = data.history.filter((point) => point.currency === currency);
    const changes = points.filter((point) => point.cause !== "hold").slice(-8).reverse();
    return card(el("div", { class: "head" }, el("h2", {}, "Money over time"), coins.length > 1 ? choose : currency || ""),
      chart(points, now / 1000),
      table([
        { title: "when", kind: "nowrap", of: (p) => ago(p.at, now) },
        { title: "change", kind: "number", of: (p) => amount(p.change) },
        { title: "total", kind: "number", of: (p) => amount(p.total) },
        { title: "cause", of: (p) => `${words(p.cause)}${p.detail ? ` · ${p.detail}` : ""}` },
      ], changes, ""));
  };

  const draw = (data) => {
    if (!data) return;
    const now = data.now;
    const { status, reservations, decisions, counters } = data;
    const found = troubles(data);
    const isBad = found.some(([kind]) => kind === "bad");
    const own = status.balances[status.account]?.[data.stake] || {};
    const figures = data.balances[status.account]?.[data.stake] || {};
    const me = status.bots.find((bot) => bot.bot === status.bot) || {};
    const paused = status.paused.length > 0;
    $("who").textContent = `${me.bot_name || status.bot || ""} · ${status.account}${data.is_dry_run ? " · dry-run" : ""}`;
    $("clock").textContent = time(new Date(now).toISOString());
    const button = $("pause");
    button.hidden = false;
    button.textContent = paused ? "Resume entries" : "Pause entries";
    button.className = paused ? "go" : "stop";

    const waiting = reservations.filter((row) => ["reserved", "in_flight", "open"].includes(row.state));
    const unknown = waiting.filter((row) => row.state === "in_flight");
    const denials = counters.denials;
    const denied = Object.values(denials).reduce((sum, n) => sum + n, 0);
    const hits = counters.cache.hit || 0, misses = counters.cache.miss || 0;
    const isWarned = isBad || found.some(([kind]) => kind === "warn");
    const headline = isBad ? "This needs you" : isWarned ? "Your money is safe; have a look" : "Your money is safe";
    const good = `Balances are read, no order has an unknown outcome, nothing is unhedged.${waiting.length ? ` ${waiting.length} ${waiting.length === 1 ? "order has its money reserved" : "orders have their money reserved"}.` : ""}`;

    const parts = [];
    if (note && note.until > Date.now()) parts.push(el("div", { class: `card ${note.kind}`, role: "status" }, note.text));
    parts.push(el("div", { class: `card verdict ${isBad ? "bad-card" : isWarned ? "warn-card" : ""}`, id: "verdict" },
      el("div", {}, el("strong", { class: isBad ? "bad" : isWarned ? "warn" : "good" }, headline),
        found.length ? el("ul", {}, found.map(([kind, text]) => el("li", {}, text))) : el("p", { class: "dim" }, good))));
    parts.push(el("div", { class: "tiles" },
      tile(money(own.available, data.stake), "available for entries"),
      tile(money(own.total, data.stake), "total"),
      tile(figures.utilization === null || figures.utilization === undefined ? "–" : percent(Number(figures.utilization)), "of it in use", Number(figures.utilization) >= 0.8 ? "warn" : ""),
      tile(String(unknown.length), "outcomes unknown", unknown.length ? "warn" : ""),
      tile(String(status.unhedged.length), "unhedged", status.unhedged.length ? "bad" : ""),
      tile(denied.toLocaleString("en-US"), "entries denied so far"),
      tile(hits + misses ? percent(hits / (hits + misses)) : "–", "of entries sized without asking for the balance"),
    ));

    /* While pairs are locked freqtrade asks nothing about them: the lock is the reason. */
    const locked = data.locks.map((one) => ({
      pair: one.pair === "*" ? "all pairs" : one.pair, outcome: "locked", code: "locked", at: null,
      sentence: `${one.reason || "Locked in freqtrade"}, until ${time(one.until)}`,
    }));
    const why = card("Why did it not buy?", table([
      { title: "pair", kind: "nowrap", of: (d) => d.pair },
      { title: "decision", of: (d) => tag(d.outcome === "exit_reduced" ? "exit reduced" : d.outcome, ["denied", "locked"].includes(d.outcome) ? "warn" : d.outcome === "approved" ? "good" : "") },
      { title: "reason", kind: "wide", of: (d) => (d.code ? el("span", {}, `${d.outcome === "denied" ? d.sentence : tidy(d.sentence)}. `, el("code", { class: "dim" }, d.code)) : d.numbers.stake ? `stake ${money(d.numbers.stake, data.stake)}` : d.sentence) },
      { title: "when", kind: "nowrap", of: (d) => (d.at ? `${ago(d.at, now)}${d.count > 1 ? ` · ${d.count}×` : ""}` : "now") },
    ], [...locked, ...decisions.slice(0, 15)], "Nothing was decided yet: no entry signal has come."));

    const reserved = card("Reserved, and by whom", table([
      { title: "pair", kind: "nowrap", of: (r) => r.pair },
      { title: "side", of: (r) => r.side },
      { title: "amount", kind: "number", of: (r) => money(r.amount, r.currency) },
      { title: "state", of: (r) => tag(words(r.state), r.state === "in_flight" ? "warn" : "") },
      { title: "bot", of: (r) => (r.bot === status.bot ? "this one" : r.bot) },
      { title: "since", kind: "nowrap", of: (r) => ago(r.created_at, now) },
    ], waiting, "Nothing is reserved."));

    const saving = card("What did it save me?", bars(saved(denials), "No entry was denied yet."),
      el("p", { class: "dim" }, `Entries that did not go out, since the first start; a signal that repeats is counted each time. ${hits.toLocaleString("en-US")} requests for a balance were not needed.`));

    const preview = data.preview;
    const [first, second, ...others] = preview ? preview.sentences.map(tidy) : [];
    const rebalance = card(el("div", { class: "head" }, el("h2", {}, "What would a rebalance sell?"),
      preview && preview.plan?.sales?.length ? el("button", { type: "button", onclick: () => act("rebalance", { action: "now" }, "Ask the bot to sell what the preview names, now, without the waiting times?", "Sell now") }, "Rebalance now") : null),
      preview ? el("div", {}, el("p", {}, first), el("p", {}, second),
        others.length ? el("details", {}, el("summary", { class: "dim" }, "More"), others.map((line) => el("p", {}, line))) : null) : el("p", { class: "dim" }, data.preview_error || "Nothing is stored about it yet."));

    const open = [];
    if (status.unhedged.length) open.push(card("Unhedged", table([
      { title: "amount", kind: "nowrap", of: (u) => `${amount(u.amount)} ${u.currency} ${u.direction}` },
      { title: "venue", of: (u) => `${u.venue} · ${u.pair}` },
      { title: "value", kind: "number", of: (u) => money(u.value, data.stake) },
      { title: "what is done", kind: "wide", of: (u) => u.doing },
      { title: "", of: (u) => el("button", { type: "button", onclick: () => act(`unhedged/${u.id}/resolve`, {}, `Say that you have taken care of ${amount(u.amount)} ${u.currency} on ${u.venue}? Nothing is sent.`, "It is taken care of", true) }, "Resolve") },
    ], status.unhedged, "")));
    if (data.arbitrages.length) open.push(card("Open arbitrages", table([
      { title: "pair", of: (a) => a.pair },
      { title: "amount", kind: "number", of: (a) => amount(a.amount) },
      { title: "sold on", of: (a) => `${a.sold_on} · ${a.sold_pair}` },
      { title: "age", of: (a) => show.span(a.age_seconds) },
    ], data.arbitrages, "")));

    const health = card("Bots on this account", table([
      { title: "bot", of: (b) => (b.bot === status.bot ? `${b.bot} (this one)` : b.bot) },
      { title: "state", of: (b) => tag(b.alive ? "alive" : "silent", b.alive ? "good" : "bad") },
      { title: "last sign", kind: "nowrap", of: (b) => ago(b.heartbeat_at, now) },
      { title: "pairs", kind: "number", of: (b) => String(b.pairs.length) },
      { title: "versions", of: (b) => `guard ${b.version}, freqtrade ${b.freqtrade_version}` },
    ], status.bots, "No bot has stored a sign of life yet."),
      status.notes.map((line) => el("p", { class: "dim" }, line)));

    const story = card("Incidents and news", data.messages.length ? el("ul", { class: "story" }, data.messages.slice(0, 8).map((m) =>
      el("li", {}, tag(m.kind, m.kind === "incident" ? "bad" : m.kind === "recovery" ? "good" : ""), ` ${m.text} `,
        el("span", { class: "dim" }, ago(m.at, now))))) : el("p", { class: "dim" }, "Nothing happened that is worth a message."));

    parts.push(...open, why, moneyNow(data, now), el("div", { class: "two" }, saving, rebalance), overTime(data, now),
      el("div", { class: "two" }, reserved, health), story);
    const place = window.scrollY;
    $("content").replaceChildren(...parts);
    window.scrollTo(0, place);
  };

  const update = async () => {
    if (busy || !login) return;
    busy = true;
    try {
      const [status, balances, history, decisions, counters, arbitrages, messages] = await Promise.all(
        ["status", "balances", "history?since_days=7", "decisions", "counters", "arbitrages", "messages?limit=8"].map((path) => ask(path)));
      /* Without the ledger all the rest is still known, and status says that it is away. */
      const reservations = status.ledger_error ? { reservations: [] } : await ask("reservations?limit=0");
      let preview = null, previewError = "";
      try { preview = await ask("rebalance", { method: "POST", body: JSON.stringify({ action: "preview" }) }); } catch (error) {
        if (error instanceof LoggedOut) throw error;
        previewError = error.message;
      }
      last = {
        now: Date.parse(balances.at), stake: balances.stake_currency, is_dry_run: balances.is_dry_run,
        status, balances: balances.balances, history: history.points, reservations: reservations.reservations,
        decisions: decisions.decisions, locks: decisions.locks, counters, arbitrages: arbitrages.arbitrages, messages: messages.messages, preview, preview_error: previewError,
      };
      $("login").hidden = true;
      $("content").hidden = false;
      $("logout").hidden = login.key !== OWN;
      /* A dialog or a list that is open is not taken away under the user's hand. */
      if (!document.activeElement || document.activeElement.tagName !== "SELECT") draw(last);
      document.body.dataset.ready = "yes";
    } catch (error) {
      if (error instanceof LoggedOut) logOut();
      else {
        /* What was true a while ago is no answer to "is my money safe now". */
        const since = last ? ` What is below is of ${time(new Date(last.now).toISOString())}.` : "";
        const card = el("div", { class: "card verdict bad-card", id: "verdict", role: "alert" },
          el("div", {}, el("strong", { class: "bad" }, "Not known: the bot cannot be reached"), el("p", { class: "dim" }, `${error.message}.${since}`)));
        $("content").hidden = false;
        if ($("verdict")) $("verdict").replaceWith(card); else $("content").prepend(card);
      }
    } finally { busy = false; }
  };

  const logOut = () => {
    try { localStorage.removeItem(OWN); } catch (e) { /* no storage */ }
    login = null; last = null;
    clearInterval(timer); timer = null;
    $("content").hidden = true; $("content").replaceChildren();
    $("pause").hidden = true; $("logout").hidden = true; $("who").textContent = "";
    $("login").hidden = false;
  };
  const begin = () => {
    update();
    clearInterval(timer);
    timer = setInterval(() => { if (!document.hidden) update(); }, EVERY);
  };

  $("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const words = new TextEncoder().encode(`${form.get("user")}:${form.get("password")}`);
    $("login-error").textContent = "";
    try {
      const answer = await fetch(`${base}/api/v1/token/login`, { method: "POST", headers: { Authorization: `Basic ${btoa(String.fromCharCode(...words))}` } });
      if (!answer.ok) throw new Error(answer.status === 401 ? "User or password is wrong." : `The bot answered ${answer.status}.`);
      const told = await answer.json();
      login = { accessToken: told.access_token, refreshToken: told.refresh_token, key: OWN };
      keep();
      event.target.reset();
      begin();
    } catch (error) { $("login-error").textContent = error.message; }
  });
  $("logout").addEventListener("click", logOut);
  $("theme").addEventListener("click", () => { theme.set(theme.get() === "light" ? "dark" : "light"); draw(last); });
  $("pause").addEventListener("click", () => {
    if (!last) return;
    if (last.status.paused.length) act("resume", {}, "Let entries go out again?", "Resume");
    else act("pause", {}, "Deny every new entry until you resume? Exits go on.", "Pause", true);
  });
  login = stored();
  if (login) begin(); else $("login").hidden = false;
})();
