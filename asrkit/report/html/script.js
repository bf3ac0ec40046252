"use strict";
// Sorts and filters the table of utterances. Without script the page shows everything, the worst first.
(() => {
  const table = document.getElementById("utterances");
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const least = document.getElementById("least");
  const shown = document.getElementById("shown");
  const rows = Array.from(body.rows, (row) => ({
    row,
    text: row.textContent.toLocaleLowerCase(),
    errors: Math.max(...Array.from(row.querySelectorAll("[data-errors]"), (cell) => Number(cell.dataset.errors))),
  }));

  const filter = () => {
    const wanted = search.value.trim().toLocaleLowerCase();
    const errors = Number(least.value) || 0;
    let number = 0;
    for (const item of rows) {
      item.row.hidden = item.errors < errors || !item.text.includes(wanted);
      number += item.row.hidden ? 0 : 1;
    }
    shown.textContent = `${number.toLocaleString("en")} shown`;
  };

  const value = (row, place, kind) => {
    const cell = row.cells[place];
    if (kind === "text") return cell.textContent;
    const number = parseFloat(cell.dataset.value ?? cell.textContent);
    return Number.isNaN(number) ? -1 : number;
  };

  const sort = (heading) => {
    const kind = heading.dataset.sort;
    const place = heading.cellIndex;
    const before = heading.getAttribute("aria-sort");
    // Numbers begin with the largest, names with the first.
    const direction = before === "none" ? (kind === "text" ? 1 : -1) : before === "ascending" ? -1 : 1;
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    rows.sort((one, other) => {
      const a = value(one.row, place, kind);
      const b = value(other.row, place, kind);
      return direction * (kind === "text" ? compare(a, b) : a - b);
    });
    for (const other of table.tHead.rows[0].cells) if (other.dataset.sort) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    body.append(...rows.map((item) => item.row));
  };

  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button")?.addEventListener("click", () => sort(heading));
  }
  search.addEventListener("input", filter);
  least.addEventListener("input", filter);
})();
