/* Live values: applies frames from the hub to elements that carry data attributes. No framework, no build step.

   data-device + data-point    the text of one value          data-device + data-pointer  the place of a pointer
   data-device + data-minus    the difference of two points   data-device + data-age      the age of the newest reading
   data-sum, data-mean, data-mean-minus                       over all devices            data-part  replaced after alarms
   data-since                  how long since then */
"use strict";
(() => {
  const config = JSON.parse(document.getElementById("page-config").textContent);
  const feed = document.body.dataset;
  const words = config.words;
  const devices = new Map(); // device id → {kind, ts, points: {name: {value, ts, bad}}}
  const byDevice = new Map(); // device id → elements
  const kindOf = (name) => config.kinds[name] || {};
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // ---- numbers and ages, written as the server writes them
  const formats = new Map();
  function number(value, decimals) {
    if (!formats.has(decimals)) {
      formats.set(decimals, new Intl.NumberFormat(config.lang, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
    }
    return formats.get(decimals).format(Number(value.toFixed(decimals)) || 0).replace("-", "\u2212");
  }
  function signed(value, decimals) {
    const text = number(Math.abs(value), decimals);
    return Number(Math.abs(value).toFixed(decimals)) === 0 ? text : (value > 0 ? "+" : "\u2212") + text;
  }
  function age(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 120) return fill(words.s, { n: s });
    if (s < 7200) return fill(words.min, { n: Math.floor(s / 60) });
    if (s < 172800) return fill(words.hmin, { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
    return fill(words.d, { n: Math.floor(s / 86400) });
  }
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  // ---- the model
  function take(frame) {
    const kind = kindOf(frame.kind);
    const touched = [];
    for (const [id, ts, word, ...values] of frame.rows || []) {
      const quality = BigInt(word);  // up to 60 bits: a number would blur the lowest
      const device = devices.get(id) || { kind: frame.kind, ts: 0, points: {} };
      if (ts < device.ts) continue;
      device.ts = ts;
      values.forEach((value, i) => {
        const name = frame.points[i];
        if (value === null || !kind[name]) return;
        device.points[name] = { value, ts, bad: (quality >> BigInt(kind[name][0]) & 1n) === 1n };
      });
      devices.set(id, device);
      touched.push(id);
    }
    return touched;
  }
  const good = (device, name) => { const p = device && device.points[name]; return p && !p.bad ? p.value : null; };
  function minus(device, names) {
    const [a, b] = names.split(",").map((name) => device && device.points[name]);
    return a && b ? a.value - b.value : null;
  }

  // ---- the page
  function indexPage() {
    byDevice.clear();
    for (const element of $("[data-device]")) {
      const id = Number(element.dataset.device);
      if (!byDevice.has(id)) byDevice.set(id, []);
      byDevice.get(id).push(element);
    }
  }
  function show(id) {
    const device = devices.get(id);
    if (device) for (const element of byDevice.get(id) || []) showElement(element, device);
  }
  function showElement(element, device) {
    const d = element.dataset;
    if (d.point) showValue(element, d, device.points[d.point], kindOf(device.kind)[d.point]);
    else if (d.low !== undefined) {
      const value = d.minus ? minus(device, d.minus) : device.points[d.pointer] && device.points[d.pointer].value;
      if (value !== null && value !== undefined) movePointer(element, value, Number(d.low), Number(d.high));
    } else if (d.minus) {
      const value = minus(device, d.minus);
      if (value !== null) put(element, signed(value, Number(d.decimals)));
    } else if (d.age !== undefined) d.ts = String(Math.max(Number(d.ts || 0), device.ts));
    else if (d.line && device.points[d.line]) { element.hidden = false; element.closest("[data-group]").hidden = false; }
  }
  function showValue(element, d, point, known) {
    if (!point) return;
    put(element, d.words ? d.words.split("|")[point.value >= 0.5 ? 1 : 0] : number(point.value, Number(d.decimals)));
    element.classList.toggle("bad", point.bad);
    d.ts = String(point.ts);
    d.extra = String(known ? known[1] * 1000 : 0);
  }
  function movePointer(element, value, low, high) {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    element.setAttribute("x", `${(100 * share).toFixed(2)}%`);
    element.removeAttribute("visibility");
  }
  function showTotals() {
    const all = [...devices.values()].filter((device) => device.kind === "heat_substation");
    const told = (values) => values.filter((value) => value !== null);
    for (const element of $("[data-sum], [data-mean], [data-mean-minus]")) {
      const d = element.dataset;
      const name = d.sum || d.mean;
      const values = told(all.map((device) => (name ? good(device, name) : minus(device, d.meanMinus))));
      if (!values.length) continue;
      const total = values.reduce((a, b) => a + b, 0) / (d.sum ? 1 : values.length) * Number(d.scale || 1);
      put(element, d.meanMinus ? signed(total, Number(d.decimals)) : number(total, Number(d.decimals)));
    }
  }
  function tick() {
    const now = Date.now();
    let newest = 0;
    for (const element of $("[data-age]")) {
      const ts = Number(element.dataset.ts || 0);
      if (!ts) continue;
      newest = Math.max(newest, ts);
      put(element, age(now - ts));
      const stale = now - ts > Number(element.dataset.hold);
      element.classList.toggle("stale", stale);
      const row = element.closest("tr.row");
      if (row) row.classList.toggle("stale-row", stale);
    }
    for (const element of $(".value[data-ts]")) {
      const device = devices.get(Number(element.dataset.device));
      const hold = Math.max(Number(element.dataset.extra), 180000, holdOf(element.dataset.device));
      element.classList.toggle("stale", Boolean(device) && now - Number(element.dataset.ts) > hold);
    }
    for (const element of $("[data-since]")) put(element, age(now - Number(element.dataset.since)));
    for (const device of devices.values()) newest = Math.max(newest, device.ts);
    for (const element of $("[data-newest]")) if (newest) put(element, age(now - newest));
    const clock = document.getElementById("clock");
    if (clock && feed.zone) put(clock, new Intl.DateTimeFormat("sv-SE", { timeZone: feed.zone, dateStyle: "short", timeStyle: "medium" }).format(now));
    applyWaiting(false);
  }
  function holdOf(id) {
    const aged = (byDevice.get(Number(id)) || []).find((element) => element.dataset.hold);
    return aged ? Number(aged.dataset.hold) : 0;
  }

  // ---- parts that the server draws anew: alarms, journal, map, strip, table
  const waiting = new Map();
  const busy = (part) => part.matches(":hover") || part.contains(document.activeElement);
  const alarmIds = (root) => $("[data-alarm]", root).map((element) => element.dataset.alarm);
  let refreshing = null;
  function refreshSoon(delay = 500 + Math.random() * 700) {
    if (!refreshing) refreshing = setTimeout(() => refresh(), delay);
  }
  async function refresh(asked = false) {
    refreshing = null;
    if (paused && !asked) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of $("[data-part]", fresh)) waiting.set(part.dataset.part, part);
      applyWaiting(false);
    } catch (_) { /* the link state says it */ }
  }
  function applyWaiting(force) {
    if (!waiting.size) return;
    for (const [name, fresh] of [...waiting]) {
      const part = document.querySelector(`[data-part="${name}"]`);
      const event = new CustomEvent("part", { cancelable: true, detail: { name, fresh } });
      if (!document.dispatchEvent(event)) { waiting.delete(name); continue; }
      if (part && busy(part) && !force) continue;
      waiting.delete(name);
      if (part) replace(part, fresh);
    }
    showNewButton();
    indexPage();
    for (const id of devices.keys()) show(id);
    showTotals();
    document.dispatchEvent(new Event("parts"));
  }
  function replace(part, fresh) {
    const before = alarmIds(part).join();
    const open = new Set($("details[open]", part).map((element) => element.closest("[data-alarm]")?.dataset.alarm));
    const top = part.scrollTop;
    part.replaceChildren(...fresh.childNodes);
    for (const element of $("[data-alarm] details", part)) element.open = open.has(element.closest("[data-alarm]").dataset.alarm);
    part.scrollTop = top;
    if (part.dataset.part === "alarms" && before !== alarmIds(part).join()) put(document.getElementById("announce"), words.changed);
  }
  function showNewButton() {
    const button = document.getElementById("show-new");
    const fresh = waiting.get("alarms");
    if (!button) return;
    const shown = new Set(alarmIds(document));
    const more = fresh ? alarmIds(fresh).filter((id) => !shown.has(id)).length : 0;
    button.hidden = !more;
    put(button, fill(words.new, { n: more }));
  }

  // ---- the link: a socket, polling while it is away, a snapshot after every gap
  let paused = false;
  let socket = null;
  let last = null;
  let opened = false;
  let retry = 1000;
  let snapshotAt = 0;
  function receive(frame) {
    if (frame.changed) { refreshSoon(); return; }
    if (last && (frame.epoch !== last.epoch || frame.seq !== last.seq + 1)) snapshot();
    last = frame;
    if (paused) return;
    for (const id of take(frame)) show(id);
    showTotals();
    if ((frame.alarms || []).length) refreshSoon();
  }
  async function snapshot() {
    if (paused || Date.now() - snapshotAt < 900) return true;
    snapshotAt = Date.now();
    try {
      const answer = await fetch(feed.snapshot);
      if (!answer.ok) return false;
      const before = new Set(alarmIds(document));
      const open = [];
      for (const frame of await answer.json()) {
        for (const id of take(frame)) show(id);
        open.push(...(frame.alarms || []).map((alarm) => alarm.alarm_id));
      }
      showTotals();
      if (document.querySelector(".overview") && open.some((id) => !before.has(id))) refreshSoon();
      return true;
    } catch (_) { return false; }
  }
  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${feed.live}`);
    socket.onopen = () => {
      if (opened) refreshSoon(); // what changed while nobody could tell us
      opened = true;
      retry = 1000;
      last = null;
      linkState("live");
      snapshot();
    };
    socket.onmessage = (event) => receive(JSON.parse(event.data));
    socket.onclose = () => {
      socket = null;
      setTimeout(connect, retry * (0.75 + Math.random() / 2));
      retry = Math.min(15000, retry * 2);
    };
  }
  async function poll() {
    if (socket && socket.readyState === WebSocket.OPEN) return;
    linkState((await snapshot()) ? "polling" : "lost");
  }
  function linkState(state) {
    const box = document.querySelector(".link-state");
    if (socket && socket.readyState === WebSocket.OPEN && state !== "paused") state = paused ? "paused" : "live";
    box.dataset.state = paused ? "paused" : state;
    put(document.getElementById("link-state"), words[paused ? "paused" : state]);
    document.getElementById("lost").hidden = state !== "lost";
  }
  function pause() {
    paused = !paused;
    const button = document.getElementById("pause");
    button.setAttribute("aria-pressed", String(paused));
    put(button, paused ? words.resume : words.pause);
    window.dash_clientside?.set_props?.("trend-tick", { disabled: paused });
    linkState(socket ? "live" : "connecting");
    if (!paused) { snapshotAt = 0; snapshot(); refreshSoon(0); }
  }

  // ---- range and topic of the chart: kept in the address, where the chart application reads them
  function choose(link) {
    const query = new URLSearchParams(location.search);
    for (const [key, value] of new URLSearchParams(link.search)) query.set(key, value);
    history.pushState(null, "", `${location.pathname}?${query}`);
    window.dispatchEvent(new PopStateEvent("popstate"));
  }
  function markChoices() {
    const query = new URLSearchParams(location.search);
    for (const nav of $(".choice")) {
      const links = $("a", nav);
      const wanted = query.get(links[0].dataset.choice);
      const chosen = links.find((link) => new URLSearchParams(link.search).get(link.dataset.choice) === wanted);
      if (!wanted) continue;
      for (const link of links) link === chosen ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-choice]");
    if (link && !event.ctrlKey && !event.metaKey) { event.preventDefault(); choose(link); }
    if (event.target.id === "show-new") { applyWaiting(true); document.querySelector('[data-part="alarms"]').focus(); }
  });

  if (window.hearthline) window.hearthline.age = age;
  indexPage();
  window.addEventListener("popstate", markChoices);
  if (feed.live) {
    document.getElementById("pause").addEventListener("click", pause);
    connect();
    snapshot().then(tick);
    tick();
    document.addEventListener("refresh", () => refresh(true));
    setInterval(tick, 1000);
    setInterval(poll, 5000);
    setInterval(() => refreshSoon(0), 60000);
  }
})();
