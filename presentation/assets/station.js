/* Charts in pages: a zoom goes into the address, so that finer data are asked for; values say how old they are.

   data-move      back, forth, in, out, whole: moves the span of the chart
   data-picture   saves the chart as PNG             data-tab           a list of the station, keeping what is shown
   data-compare   a form that names another station  data-keeps-span    a form beside whose fields the span stays */
"use strict";
(() => {
  const chart = () => document.querySelector(".trend-graph .js-plotly-plot");
  const query = () => new URLSearchParams(location.search);
  function go(change) {
    const asked = query();
    for (const [key, value] of Object.entries(change)) value ? asked.set(key, value) : asked.delete(key);
    const text = asked.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
    history.pushState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
    window.dispatchEvent(new PopStateEvent("popstate"));
  }

  // ---- the span: clocks of the city, without a zone, as the chart writes them
  const MIDNIGHT = "0000-01-01T00:00:00"; // what the chart leaves out at the end of a round time
  const asMs = (text) => { const told = String(text).replace(" ", "T").slice(0, 19); return Date.parse(`${told}${MIDNIGHT.slice(told.length)}Z`); };
  const asClock = (ms) => new Date(ms).toISOString().slice(0, 19);
  function zoomTo(from, to) {
    if (to - from < 60000) { const middle = (from + to) / 2; from = middle - 30000; to = middle + 30000; }
    go({ from: asClock(from), to: asClock(to) });
  }
  function move(how) {
    if (how === "whole") { go({ from: "", to: "" }); return; }
    const range = chart()?.layout?.xaxis?.range;
    if (!range) return;
    const [from, to] = range.map(asMs);
    const width = to - from;
    const step = { back: [-0.5, -0.5], forth: [0.5, 0.5], in: [0.25, -0.25], out: [-0.5, 0.5] }[how];
    zoomTo(from + step[0] * width, to + step[1] * width);
  }
  let watched = null;
  function watch() {
    const plot = chart();
    if (!plot || !plot.on || plot === watched) return;
    watched = plot;
    plot.on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined) zoomTo(asMs(change["xaxis.range[0]"]), asMs(change["xaxis.range[1]"]));
      else if (change["xaxis.range"]) zoomTo(...change["xaxis.range"].map(asMs));
      else if (change["xaxis.autorange"]) move("whole");
    });
    plot.on("plotly_doubleclick", () => { move("whole"); return false; });
    tellWidth();
  }
  let told = 0;
  function tellWidth() {
    const place = document.querySelector(".trend-graph");
    const width = place ? Math.round(place.clientWidth) : 0;
    if (!width || Math.abs(width - told) < 40) return;
    told = width;
    window.dash_clientside?.set_props?.("trend-width", { data: width });
  }

  // ---- the chart as a picture, on the ground of the page
  async function picture(name) {
    const plot = chart();
    if (!plot || !window.Plotly) return;
    const ground = getComputedStyle(document.querySelector(".panel")).backgroundColor;
    const size = { width: Math.max(900, plot.clientWidth), height: plot.clientHeight };
    const before = plot.layout.paper_bgcolor;
    const link = document.createElement("a");
    link.href = await window.Plotly.toImage({ data: plot.data, layout: { ...plot.layout, paper_bgcolor: ground || before } }, { format: "png", scale: 2, ...size });
    link.download = `hearthline-${name}.png`;
    link.click();
  }

  // ---- how old a value is that does not come with every reading
  function ages() {
    for (const element of document.querySelectorAll(".schematic .value[data-ts]")) {
      const old = Date.now() - Number(element.dataset.ts);
      if (old > 120000 && window.hearthline?.age) element.dataset.old = window.hearthline.age(old);
      else delete element.dataset.old;
    }
  }

  // ---- views that this browser keeps, by name
  const KEY = "hearthline-views";
  const kept = () => { try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch (_) { return {}; } };
  function keep(views) { try { localStorage.setItem(KEY, JSON.stringify(views)); } catch (_) { /* a private window keeps nothing */ } }
  function showViews() {
    const list = document.getElementById("saved-views");
    if (!list) return;
    const views = Object.entries(kept());
    document.getElementById("no-views").hidden = views.length > 0;
    list.replaceChildren(...views.map(([name, address]) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.textContent = name;
      link.href = `?${String(address).replace(/^\?/, "")}`;
      const drop = document.createElement("button");
      drop.type = "button";
      drop.textContent = "×";
      drop.dataset.drop = name;
      drop.setAttribute("aria-label", `${list.dataset.drop}: ${name}`);
      item.append(link, drop);
      return item;
    }));
  }

  document.addEventListener("click", (event) => {
    const moved = event.target.closest?.("[data-move]");
    if (moved) move(moved.dataset.move);
    const taken = event.target.closest?.("[data-picture]");
    if (taken) picture(taken.dataset.picture);
    const dropped = event.target.closest?.("[data-drop]");
    if (dropped) { const views = kept(); delete views[dropped.dataset.drop]; keep(views); showViews(); }
    const language = event.target.closest?.(".languages a");
    if (language) language.search = location.search;
    const tab = event.target.closest?.("[data-tab]");
    if (tab && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const asked = query();
      asked.set("tab", tab.dataset.tab);
      location.assign(`${location.pathname}?${asked}#lists`);
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "save-view") {
      event.preventDefault();
      const name = form.elements.name.value.trim();
      if (!name) return;
      keep({ ...kept(), [name]: location.search });
      form.reset();
      showViews();
    } else if (form.dataset.compare !== undefined) {
      event.preventDefault();
      const name = form.elements.station.value.trim();
      go({ compare: name ? `station:${name}` : "" });
    } else if (form.dataset.keepsSpan !== undefined) {
      event.preventDefault();
      const asked = new URLSearchParams(new FormData(form));
      for (const key of ["span", "from", "to", "tab"]) if (query().get(key)) asked.set(key, query().get(key));
      location.assign(`${location.pathname}?${asked}`);
    }
  });
  window.addEventListener("popstate", () => { // links that take something away leave it empty
    const asked = query();
    for (const key of ["from", "to", "points"]) if (asked.get(key) === "") asked.delete(key);
    const text = asked.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
    if (`?${text}` !== location.search) history.replaceState(history.state, "", `${location.pathname}?${text}`);
  });
  window.addEventListener("resize", tellWidth);
  setInterval(watch, 300);
  setInterval(ages, 5000);
  showViews();
})();
