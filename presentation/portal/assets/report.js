// Suggests reports that may be the same while somebody types. Without scripts they are suggested when it is sent.
(function () {
  "use strict";
  var form = document.querySelector("form[data-similar]"), place = document.getElementById("similar"), timer = 0, asked = "";
  if (!form || !place || !window.fetch || !window.URLSearchParams) return;

  function look() {
    var fields = new URLSearchParams(new FormData(form)), now = fields.toString();
    if (now === asked || !fields.get("kind") || (fields.get("description") || "").length < 4) return;
    asked = now;
    fetch(form.dataset.similar, { method: "POST", body: fields })
      .then(function (answer) { return answer.ok ? answer.text() : ""; })
      .then(function (html) { place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes); })
      .catch(function () { asked = ""; });
  }
  form.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(look, 700); });
})();
