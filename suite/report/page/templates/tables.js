const FEW_ROWS = 20;

/** What a cell is sorted by: a number where it starts with one, a share for "2/3", else its text; null for none. */
function key(text) {
  if (text === DASH || text === "") return null;
  const share = /^(\d+)\/(\d+)$/.exec(text);
  if (share) return share[1] / share[2];
  const number = /^[<>\u2265\u2264]?\s*([+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)(?:\s*%|\s+(k|M|G|m|u|\u00b5)?(?:B|MAC|s|J)\b)?/.exec(text);
  if (!number || /^[0-9a-f]{16}$/.test(text)) return text.toLowerCase();
  const scale = { k: 1e3, M: 1e6, G: 1e9, m: 1e-3, u: 1e-6, "\u00b5": 1e-6 }[number[2]] || 1;
  return parseFloat(number[1].replace(/,/g, "")) * scale;
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

/** A press on a heading sorts the rows within each group, a second press the other way; dashes come last. */
function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const sort = (column) => {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending"));
    for (const body of table.tBodies) {
      const rows = Array.from(body.querySelectorAll("tr:not(.title)"), (tr) => [key(tr.cells[column].textContent.trim()), tr]);
      rows.sort(([a], [b]) => (a === null) - (b === null) || (down ? -1 : 1) * compare(a, b));
      body.append(...rows.map(([, tr]) => tr));
    }
  };
  heads.forEach((head, column) => {
    head.setAttribute("aria-sort", "none");
    head.firstElementChild.addEventListener("click", () => sort(column));
  });
}

/** A field above a long table that keeps the rows in which all its words occur. */
function addFilter(box) {
  const textOf = (tr) => Array.from(tr.cells, (cell) => cell.textContent).join(" ").toLowerCase();
  const rows = Array.from(box.querySelectorAll("tbody tr:not(.title)"), (tr) => [tr, textOf(tr)]);
  if (rows.length <= FEW_ROWS) return;
  const field = make("input", { type: "search", placeholder: "words, all must occur" });
  const count = make("output", {}, `${rows.length} rows`);
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/);
    for (const [tr, text] of rows) tr.hidden = !wanted.every((word) => text.includes(word));
    count.textContent = `${rows.filter(([tr]) => !tr.hidden).length} of ${rows.length} rows`;
  });
  box.prepend(make("div", { class: "tools" }, make("label", {}, "Filter rows", field), count));
}

for (const box of document.querySelectorAll(".table")) { makeSortable(box.querySelector("table")); addFilter(box); }
