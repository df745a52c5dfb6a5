/* Session: signing in by the address that `hearthline run` prints, who is signed in, and writing with proof.

   Pages are the same for all readers; only this script knows who reads. Others write through window.hearthline.send. */
"use strict";
(() => {
  const words = JSON.parse(document.getElementById("page-config").textContent).words;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const address = "/api/v1/session";
  let proof = null;
  let fading = null;

  function show(session) {
    proof = session.proof;
    document.body.classList.toggle("may-write", Boolean(session.name));
    const who = document.getElementById("who");
    if (who && session.name) who.textContent = session.name;
    const out = document.getElementById("sign-out");
    if (out) out.hidden = !session.name;
    document.dispatchEvent(new CustomEvent("session", { detail: session }));
  }
  async function signIn(word) {
    const body = JSON.stringify({ word });
    const answer = await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.ok) {
      const session = await answer.json();
      say(fill(words.signedIn, session));
      return session;
    }
    say(words.badSignIn);
    return null;
  }
  async function ask() {
    try {
      const word = new URLSearchParams(location.hash.slice(1)).get("sign-in");
      if (word) history.replaceState(null, "", location.pathname + location.search);
      const signed = word ? await signIn(word) : null;
      show(signed || (await (await fetch(address)).json()));
    } catch (_) { /* the link state says it; a later page asks again */ }
  }
  function say(text) {
    const told = document.getElementById("told") || document.getElementById("announce");
    told.textContent = text;
    told.classList.remove("trouble");
    clearTimeout(fading);
    fading = setTimeout(() => { if (!told.classList.contains("trouble")) told.textContent = ""; }, 10000);
  }
  async function send(path, body, method = "POST") {
    const headers = { "content-type": "application/json", "x-hearthline-proof": proof || "" };
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
    } catch (_) {
      throw new Error(words.noAnswer);
    }
    if (answer.status === 401 || answer.status === 403) {
      show({ name: null, proof: null });
      throw new Error(words.readOnly);
    }
    const told = answer.status === 204 ? {} : await answer.json();
    if (!answer.ok) throw new Error(typeof told.detail === "string" ? told.detail : told.detail?.[0]?.msg || answer.status);
    return told;
  }
  window.hearthline = { send, say, words, fill };
  document.getElementById("sign-out")?.addEventListener("click", async () => {
    try { await send(address, {}, "DELETE"); } catch (_) { /* it is over either way */ }
    location.reload();
  });
  ask();
})();
