/* Alarms: what is done to them by mouse, thumb and keys, and a list that keeps still under the hand.

   A row is .alarm-row[data-alarm]. Fresh rows come as the event "part" of live.js: known ones are renewed in their
   places, new ones wait behind a button while somebody is at work in the list. */
"use strict";
(() => {
  const { send, say, words, fill } = window.hearthline;
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const list = one("alarm-list");
  const rows = () => $(".alarm-row:not(.gone)");
  const rowOf = (id, root = document) => root.querySelector(`.alarm-row[data-alarm="${CSS.escape(id)}"]`);
  const mayWrite = () => document.body.classList.contains("may-write");

  // ---- which rows
  const pickBox = (row) => row.querySelector(".pick input");
  const picked = () => rows().filter((row) => pickBox(row)?.checked);
  const current = () => document.activeElement?.closest?.(".alarm-row") || null;
  function targets() {
    const several = picked();
    if (several.length) return several;
    const row = current() || (list ? null : rows()[0]);
    return row ? [row] : [];
  }
  function showPicked() {
    const n = picked().length;
    if (!one("picked")) return;
    one("picked").textContent = n ? fill(words.picked, { n }) : "";
    for (const button of $("[data-bulk]")) button.disabled = !n;
    for (const row of rows()) row.classList.toggle("chosen", Boolean(pickBox(row)?.checked));
    const all = one("pick-all");
    all.checked = n > 0 && n === rows().length;
    all.indeterminate = n > 0 && n < rows().length;
  }
  function move(step) {
    const all = $(".alarm-row");  // those that have left keep their places, and are passed over
    let at = all.indexOf(current());
    if (at < 0 && step < 0) at = 1;
    do at += step; while (all[at]?.classList.contains("gone"));
    const next = all[at];
    if (!next) return;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  // ---- acts
  const done = {
    acknowledge: words.acknowledged, comment: words.commented, shelve: words.shelved, unshelve: words.unshelved, reset: words.reset,
  };
  async function act(kind, upon, body) {
    const alarms = upon.map((row) => row.dataset.alarm);
    const told = await send(`/api/v1/alarms/${kind}`, { alarms, ...body });
    const refused = Object.values(told.refused);
    const parts = [];
    if (told.done.length) parts.push(fill(done[kind], { n: told.done.length }));
    if (refused.length) parts.push(fill(words.refused, { n: refused.length, why: refused[0] }));
    for (const row of upon) if (pickBox(row)) pickBox(row).checked = false;
    showPicked();
    tell(parts.join(" "), refused.length > 0);
  }
  async function subject(kind, row, body) {
    const what = row.dataset.subject;
    await send(`/api/v1/subjects/${encodeURIComponent(what)}/${kind}`, body);
    tell(fill(kind === "in-service" ? words.inService : words.outOfService, { what }), false);
  }
  function tell(text, trouble) {
    say(text);
    one("told")?.classList.toggle("trouble", trouble);
    document.dispatchEvent(new Event("refresh"));
  }
  async function run(kind, upon, body) {
    try {
      if (kind === "in-service" || kind === "out-of-service") await subject(kind, upon[0], body);
      else await act(kind, upon, body);
      return true;
    } catch (error) {
      say(fill(words.failed, { why: error.message }));
      one("told")?.classList.add("trouble");
      return error.message;
    }
  }
  function start(kind, upon) {
    if (!upon.length) return;
    if (!mayWrite()) { say(words.readOnly); return; }
    if (kind === "acknowledge-with") ask("acknowledge", upon);
    else if (kind === "order") order(upon[0].dataset.alarm);
    else if (kind === "shelve" || kind === "comment" || kind === "out-of-service") ask(kind, upon);
    else run(kind, upon, {});
  }

  async function order(alarm) {
    try {
      const told = await send("/api/v1/work-orders", { alarm });
      location.assign(`/${location.pathname.split("/")[1]}/work-orders/${told.work_order_id}`);
    } catch (error) {
      say(fill(words.failed, { why: error.message }));
      one("told")?.classList.add("trouble");
    }
  }

  // ---- what is asked before
  let asked = [];
  function ask(kind, upon) {
    const dialog = one(`dialog-${kind}`);
    asked = kind === "out-of-service" ? upon.slice(0, 1) : upon;
    dialog.querySelector("form").reset();
    dialog.querySelector(".trouble-told").textContent = "";
    const name = asked.length === 1 ? asked[0].dataset.name : fill(words.upon, { n: asked.length });
    dialog.querySelector(".upon").textContent = kind === "out-of-service" ? asked[0].dataset.subject : name;
    dialog.back = current();
    dialog.showModal();
    (dialog.querySelector("textarea") || dialog).focus();
  }
  function bodyOf(form) {
    const kind = form.dataset.form;
    const text = form.elements.words?.value.trim() || null;
    const minutes = Number(form.elements.minutes?.value || 0);
    if (kind === "shelve") return { reason: text, minutes };
    if (kind === "out-of-service") return { reason: text, minutes: minutes || null };
    return { comment: text };
  }
  async function submit(form) {
    const dialog = form.closest("dialog");
    const go = form.querySelector("[type=submit]");
    go.disabled = true;
    const told = await run(form.dataset.form, asked, bodyOf(form));
    go.disabled = false;
    if (told === true) close(dialog);
    else form.querySelector(".trouble-told").textContent = told;
  }
  function close(dialog) {
    dialog.close();
    if (dialog.back?.isConnected) dialog.back.focus();
  }

  // ---- fresh rows
  let waiting = null;
  const seen = new WeakMap(); // row → what it was renewed with
  const isBusy = () => Boolean(list.matches(":hover") || list.contains(document.activeElement) || picked().length || $("dialog[open]").length);
  const idsIn = (root) => $(".alarm-row", root).map((row) => row.dataset.alarm);
  function take(fresh) {
    ring(fresh);
    const shown = new Set(idsIn(list));
    if (idsIn(fresh).some((id) => !shown.has(id))) one("announce").textContent = words.changed;
    waiting = fresh;
    if (isBusy()) renew();
    else adopt();
    showWaiting();
  }
  function renew() {
    for (const row of $(".alarm-row", list)) {
      const newer = rowOf(row.dataset.alarm, waiting);
      if (newer) renewRow(row, newer);
      else leave(row);
    }
    showPicked();
  }
  function renewRow(row, newer) {
    const text = newer.innerHTML;
    if (seen.get(row) === text && !row.classList.contains("gone")) return;
    seen.set(row, text);
    const focus = row.contains(document.activeElement) ? document.activeElement : null;
    const mark = focus === row ? "row" : focus?.dataset?.act || focus?.tagName;
    const checked = pickBox(row)?.checked;
    const open = $("details", row).map((details) => details.open);
    row.className = newer.className;
    row.dataset.state = newer.dataset.state;
    row.replaceChildren(...[...newer.cloneNode(true).childNodes]);
    if (pickBox(row)) pickBox(row).checked = checked;
    $("details", row).forEach((details, i) => { details.open = Boolean(open[i]); });
    if (focus) ((mark !== "row" && row.querySelector(`[data-act="${mark}"]`)) || row).focus();
  }
  function leave(row) {
    if (row.classList.contains("gone")) return;
    row.classList.add("gone");
    const state = row.querySelector(".state-mark");
    if (state) state.textContent = words.leaving;
    for (const control of $("button, input", row)) control.disabled = true;
    if (row.contains(document.activeElement)) row.focus();
  }
  function adopt() {
    if (!waiting) return;
    const chosen = new Set(picked().map((row) => row.dataset.alarm));
    const open = new Map(rows().map((row) => [row.dataset.alarm, $("details", row).map((details) => details.open)]));
    const at = current()?.dataset.alarm;
    list.replaceChildren(...waiting.childNodes);
    waiting = null;
    for (const row of rows()) {
      if (pickBox(row)) pickBox(row).checked = chosen.has(row.dataset.alarm);
      $("details", row).forEach((details, i) => { details.open = Boolean(open.get(row.dataset.alarm)?.[i]); });
    }
    if (at) (rowOf(at) || rows()[0])?.focus();
    showPicked();
  }
  function showWaiting() {
    const button = one("show-new-alarms");
    const shown = new Set(idsIn(list));
    const more = waiting ? idsIn(waiting).filter((id) => !shown.has(id)).length : 0;
    const gone = $(".alarm-row.gone", list).length;
    button.hidden = !more && !gone;
    button.textContent = more ? fill(words.new, { n: more }) : fill(words.gone, { n: gone });
  }

  // ---- sound: two short tones for a new alarm of priority 1; off until somebody switches it on
  let audio = null;
  const heard = new Set(list ? idsIn(list) : []);
  const soundOn = () => localStorage.getItem("hearthline-sound") === "on";
  function ring(fresh) {
    const urgent = $(".alarm-row.p1.unacknowledged", fresh).filter((row) => !heard.has(row.dataset.alarm));
    for (const id of idsIn(fresh)) heard.add(id);
    if (urgent.length && soundOn()) beep();
  }
  function beep() {
    audio = audio || new AudioContext();
    [0, 0.25].forEach((at) => {
      const tone = audio.createOscillator();
      const gain = audio.createGain();
      tone.frequency.value = 880;
      gain.gain.setValueAtTime(0.15, audio.currentTime + at);
      gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.2);
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + at + 0.2);
    });
  }
  function showSound() {
    const button = one("sound");
    if (!button) return;
    button.setAttribute("aria-pressed", String(soundOn()));
    button.textContent = soundOn() ? words.soundOn : words.soundOff;
  }

  // ---- events
  document.addEventListener("part", (event) => {
    const { name, fresh } = event.detail;
    if (name === "alarm-list") { event.preventDefault(); take(fresh); }
    if (name === "alarm") {
      const row = rows()[0];
      const newer = fresh.querySelector(".alarm-row");
      event.preventDefault();
      if (row && newer) renewRow(row, newer);
    }
  });
  document.addEventListener("click", (event) => {
    const target = event.target;
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.openOrder) order(button.dataset.openOrder);
    else if (button.dataset.act) start(button.dataset.act, [button.closest(".alarm-row")]);
    else if (button.dataset.bulk) start(button.dataset.bulk, picked());
    else if (button.dataset.close !== undefined) close(button.closest("dialog"));
    else if (button.id === "show-new-alarms") { adopt(); showWaiting(); rows()[0]?.focus(); }
    else if (button.id === "show-help") one("dialog-help")?.showModal();
    else if (button.id === "sound") {
      localStorage.setItem("hearthline-sound", soundOn() ? "off" : "on");
      showSound();
      if (soundOn()) beep();
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.form) return;
    event.preventDefault();
    submit(event.target);
  });
  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.id === "pick-all") for (const row of rows()) pickBox(row).checked = target.checked;
    if (target.id === "keys-on") localStorage.setItem("hearthline-keys", target.checked ? "on" : "off");
    if (target.closest(".filters") && target.tagName === "SELECT") target.form.requestSubmit();
    showPicked();
  });
  const keys = {
    j: () => move(1), k: () => move(-1),
    x: () => { const row = current(); if (row && pickBox(row)) { pickBox(row).checked = !pickBox(row).checked; showPicked(); } },
    a: () => start("acknowledge", targets()), A: () => start("acknowledge-with", targets()),
    s: () => start("shelve", targets()), c: () => start("comment", targets()), u: () => start("unshelve", targets()),
    o: () => start("out-of-service", targets()),
    r: () => start("reset", targets()),
    "/": () => one("find-alarm")?.focus(), "?": () => one("dialog-help")?.showModal(),
    Escape: () => { for (const row of picked()) pickBox(row).checked = false; showPicked(); },
    Enter: () => { if (document.activeElement?.classList.contains("alarm-row")) document.activeElement.querySelector(".alarm-name")?.click(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("hearthline-keys") === "off") return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
    if (!keys[event.key] || (event.key === "Enter" && !event.target.classList.contains("alarm-row"))) return;
    if (event.key !== "Escape") event.preventDefault();
    keys[event.key]();
  });

  if (one("keys-on")) one("keys-on").checked = localStorage.getItem("hearthline-keys") !== "off";
  const place = document.querySelector(".filter-place");
  if (place && matchMedia("(max-width: 900px)").matches) place.open = false;
  showSound();
  showPicked();
})();
