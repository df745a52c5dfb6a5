/* The table of stations: sorting by its heads, finding by name. Both outlive a redrawing of the table ("parts"). */
"use strict";
(() => {
  let chosen = null;
  const rows = () => [...document.querySelectorAll("table.stations tbody tr")];

  function numberIn(cell) {
    if (!cell) return -Infinity;
    if (cell.dataset.key) return -Number(cell.dataset.key);
    const aged = cell.querySelector("[data-ts][data-age]");
    if (aged) return -Number(aged.dataset.ts);
    const text = cell.querySelector(".value")?.textContent ?? "";
    const value = Number(text.replace(/,/g, "").replace("\u2212", "-").replace("+", "") || NaN);
    return Number.isNaN(value) ? -Infinity : value;
  }
  function sort(button, direction) {
    const head = button.closest("th");
    const column = head.cellIndex;
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    chosen = { column, direction };
    const text = button.dataset.sort === "text";
    const key = (row) => (text ? row.cells[column]?.textContent ?? "" : numberIn(row.cells[column]));
    const compare = (a, b) => (text ? a.localeCompare(b, document.documentElement.lang) : (a > b) - (a < b));
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = rows().map((row) => [key(row), row]).sort((a, b) => sign * compare(a[0], b[0]));
    head.closest("table").tBodies[0].append(...keyed.map((pair) => pair[1]));
  }
  function find() {
    const wanted = (document.getElementById("find")?.value ?? "").trim().toLowerCase();
    for (const row of rows()) row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const before = button.closest("th").getAttribute("aria-sort");
    sort(button, before === "descending" ? "ascending" : "descending");
  });
  document.addEventListener("parts", () => {
    const head = chosen && document.querySelector("table.stations thead tr")?.cells[chosen.column];
    if (head) sort(head.querySelector("[data-sort]"), chosen.direction);
    find();
  });
  document.getElementById("find")?.addEventListener("input", find);
})();
