// Keeps the figures of a community's page fresh. Without scripts the page works the same; a reload does this job.
(function () {
  "use strict";
  var place = document.getElementById("updates");
  if (!place || !window.fetch || !window.DOMParser) return;
  var every = Number(place.dataset.everyS) * 1000, paused = false, timer = 0;
  var state = document.getElementById("updates-state"), button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  place.appendChild(button);
  place.hidden = false;

  function label() { button.textContent = paused ? place.dataset.resume : place.dataset.pause; }
  function later() { clearTimeout(timer); if (!paused && !document.hidden) timer = setTimeout(refresh, every); }
  function say(text) { if (state.textContent !== text) state.textContent = text; }

  function adopt(html) {
    var fresh = new DOMParser().parseFromString(html, "text/html"), before = verdict(document);
    document.querySelectorAll("[data-fresh]").forEach(function (old) {
      var next = fresh.querySelector('[data-fresh="' + old.dataset.fresh + '"]');
      if (next) old.replaceWith(document.adoptNode(next));
    });
    say(verdict(document) === before ? "" : document.getElementById("headline").textContent);
  }
  function verdict(doc) { var found = doc.querySelector("[data-verdict]"); return found && found.dataset.verdict; }

  function refresh() {
    fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" })
      .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.text(); })
      .then(adopt)
      .catch(function () { say(place.dataset.lost); })
      .then(later);
  }

  button.addEventListener("click", function () { paused = !paused; label(); if (paused) clearTimeout(timer); else refresh(); });
  document.addEventListener("visibilitychange", function () { if (document.hidden) clearTimeout(timer); else if (!paused) refresh(); });
  label();
  later();
})();
