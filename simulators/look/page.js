(() => {
  "use strict";
  const root = document.documentElement;
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a file may have no store */ } };
  const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URLSearchParams(location.search);
  root.lang = asked.get("lang") || remembered("look-lang") || (navigator.language.startsWith("zh") ? "zh" : "en");
  root.dataset.theme = asked.get("theme") || remembered("look-theme") || (dark.matches ? "dark" : "light");
  document.getElementById("language").addEventListener("click", () => {
    root.lang = root.lang === "zh" ? "en" : "zh";
    remember("look-lang", root.lang);
  });
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    remember("look-theme", root.dataset.theme);
  });

  const told = JSON.parse(document.getElementById("week-values").textContent);
  const shown = (value) => value === null ? "–" : String(value).replace("-", "−");
  const at = (share) => {
    document.querySelectorAll(".week-panel").forEach((svg) => {
      const cursor = svg.querySelector(".cursor");
      const x = Number(svg.dataset.left) + share * Number(svg.dataset.width);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.style.visibility = "visible";
    });
    const place = Math.min(told.count - 1, Math.max(0, Math.floor(share * told.count)));
    const minutes = place * told.minutes;
    const day = new Date(Date.parse(told.begin + "T00:00:00Z") + minutes * 60000).toISOString();
    const when = day.slice(5, 10) + " " + day.slice(11, 16);
    for (const side of ["real", "simulated"]) {
      const texts = told.points.map((p) => p[root.lang] + " " + shown(told[side][p.name][place]) + " " + p.unit);
      document.getElementById("reading-" + side).textContent = when + "  ·  " + texts.join("  ·  ");
    }
  };
  document.querySelectorAll(".week-panel").forEach((svg) => {
    const follow = (event) => {
      const box = svg.getBoundingClientRect();
      const width = svg.viewBox.baseVal.width;
      const x = (event.clientX - box.left) / box.width * width;
      const share = (x - Number(svg.dataset.left)) / Number(svg.dataset.width);
      if (share >= 0 && share <= 1) at(share);
    };
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
  });
})();
