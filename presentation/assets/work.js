/* Work orders: moved along by mouse, thumb and keys. A card is .order-card[data-order]; its steps are [data-step]. */
"use strict";
(() => {
  const { send, say, words, fill } = window.hearthline;
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const cards = () => $(".order-card");
  const current = () => document.activeElement?.closest?.(".order-card") || (one("board") ? null : cards()[0]);
  const asks = new Set(["assigned", "done", "noted", "rejected", "cancelled", "reopened"]);

  function move(step) {
    const all = cards();
    const at = all.indexOf(current());
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  async function take(card, body) {
    const id = card.dataset.order;
    try {
      await send(`/api/v1/work-orders/${id}/steps`, body);
      say(fill(words.stepped, { what: card.dataset.name }));
      again = id;
      document.dispatchEvent(new Event("refresh"));
      return true;
    } catch (error) {
      say(fill(words.failed, { why: error.message }));
      one("told")?.classList.add("trouble");
      return error.message;
    }
  }
  let asked = null;
  function start(step, card) {
    if (!card || !step) return;
    if (!document.body.classList.contains("may-write")) { say(words.readOnly); return; }
    if (!asks.has(step)) { take(card, { step }); return; }
    const dialog = one(`dialog-${step}`);
    asked = card;
    dialog.querySelector("form").reset();
    dialog.querySelector(".trouble-told").textContent = "";
    dialog.querySelector(".upon").textContent = card.dataset.name;
    dialog.showModal();
    dialog.querySelector("input, textarea").focus();
  }
  async function submit(form) {
    const body = { step: form.dataset.form };
    const text = form.elements.words?.value.trim();
    if (text) body.comment = text;
    if (form.elements.to) body.to = form.elements.to.value.trim();
    if (form.elements.minutes) {
      body.minutes = Number(form.elements.minutes.value || 0);
      body.parts = form.elements.parts.value.split(/[,，]/).map((part) => part.trim()).filter(Boolean);
    }
    const told = await take(asked, body);
    if (told === true) form.closest("dialog").close();
    else form.querySelector(".trouble-told").textContent = told;
  }

  // ---- the board is drawn anew at once; the card that was in hand keeps the focus, wherever it has gone
  let again = null;
  document.addEventListener("part", (event) => {
    const { name, fresh } = event.detail;
    if (name !== "board" && name !== "order") return;
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part) return;
    event.preventDefault();
    const held = document.activeElement?.closest?.(".order-card")?.dataset.order || again;
    const inside = part.contains(document.activeElement) || again;
    again = null;
    part.replaceChildren(...fresh.childNodes);
    if (held && inside) part.querySelector(`[data-order="${CSS.escape(held)}"]`)?.focus();
    count();
  });
  function count() {
    for (const element of $("[data-due]")) {
      const left = Number(element.dataset.due) - Date.now();
      const text = fill(left >= 0 ? words.dueIn : words.overdueBy, { age: window.hearthline.age(Math.abs(left)) });
      if (element.textContent !== text) element.textContent = text;
      element.classList.toggle("overdue", left < 0);
    }
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.step) start(button.dataset.step, button.closest(".order-card"));
    else if (button.dataset.close !== undefined) button.closest("dialog").close();
    else if (button.dataset.print !== undefined) window.print();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.form) return;
    event.preventDefault();
    submit(event.target);
  });
  const keys = {
    j: () => move(1), k: () => move(-1),
    n: () => start(current()?.dataset.next, current()),
    c: () => start("noted", current()),
    Enter: () => current()?.querySelector(".order-name")?.click(),
    "?": () => one("dialog-help").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("hearthline-keys") === "off") return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    if (!keys[event.key] || (event.key === "Enter" && !event.target.classList.contains("order-card"))) return;
    event.preventDefault();
    keys[event.key]();
  });
  setInterval(count, 5000);
})();
