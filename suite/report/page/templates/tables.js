const PAGE = 200;

/** What a cell is sorted by: a number where it starts with one, a share for "2/3", else its text. */
function key(text) {
  if (text === DASH || text === "") return null;
  const share = /^(\d+)\/(\d+)$/.exec(text);
  if (share) return share[1] / share[2];
  const match = /^[<>\u2265\u2264]?\s*([+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)(?:\s*%|\s+(k|M|G|m|u|\u00b5)?(?:B|MAC|s|J)\b)?/.exec(text);
  if (!match || /^[0-9a-f]{16}$/.test(text)) return text.toLowerCase();
  const scale = { k: 1e3, M: 1e6, G: 1e9, m: 1e-3, u: 1e-6, "\u00b5": 1e-6 }[match[2]] || 1;
  return parseFloat(match[1].replace(/,/g, "")) * scale;
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
/** What the filter looks at: the part of a row that a reader sees, in lower case; made when first needed. */
function haystack(row) { return row.text ??= row.cells.join(" \u0001 ").toLowerCase(); }

function cell(text, kind) {
  const link = kind === "id" && INDEX_BY_ID.has(text);
  return make("td", { class: kind }, link ? make("a", { href: `#run=${text}` }, text) : text);
}

class SortedTable {
  constructor(box) {
    this.box = box;
    this.table = box.querySelector("table");
    this.heads = Array.from(this.table.tHead.rows[0].cells);
    this.kinds = this.heads.map((head) => head.className);
    this.groups = Array.from(this.table.tBodies, (body) => ({
      body,
      title: body.querySelector("tr.title"),
      rows: Array.from(body.querySelectorAll("tr:not(.title)"), (tr) => (
        { tr, cells: Array.from(tr.cells, (td) => td.textContent.trim()) })),
    }));
    const rest = box.querySelector("script");
    if (rest) this.takeIn(JSON.parse(rest.textContent));
    this.all = this.groups.flatMap((group) => group.rows);
    this.limit = PAGE;
    this.heads.forEach((head, column) => {
      head.setAttribute("aria-sort", "none");
      head.firstElementChild.addEventListener("click", () => this.sort(column));
    });
    this.filters = [];
    if (this.all.length > 5) this.addTools();
    this.more = make("button", { type: "button", hidden: "" }, "");
    this.more.addEventListener("click", () => { this.limit += PAGE; this.render(); });
    box.append(this.more);
    this.render();
  }

  /** Rows beyond those in the HTML; the first may continue its last group. */
  takeIn(rest) {
    for (const [title, rows] of rest) {
      let group = this.groups.at(-1);
      if (!group || (group.title ? group.title.textContent.trim() : "") !== title) {
        const body = make("tbody");
        const line = title === "" ? null : make("tr", { class: "title" },
          make("th", { scope: "rowgroup", colspan: this.heads.length }, make("span", {}, title)));
        this.table.append(body);
        group = { body, title: line, rows: [] };
        this.groups.push(group);
      }
      group.rows.push(...rows.map((cells) => ({ tr: null, cells })));
    }
  }

  addTools() {
    const words = make("input", { type: "search", placeholder: "words, all must occur" });
    const tools = make("div", { class: "tools" }, make("label", {}, "Filter rows", words));
    words.addEventListener("input", () => this.filter());
    this.filters.push((row) => words.value.toLowerCase().split(/\s+/).every((w) => haystack(row).includes(w)));
    if (this.box.dataset.facets !== undefined) this.heads.forEach((head, column) => {
      if (!["word", "method", "budget"].includes(this.kinds[column])) return;
      const values = Array.from(new Set(this.all.map((row) => row.cells[column])));
      if (values.length < 2 || values.length > 60) return;
      const options = values.sort(compare).map((value) => make("option", { value: `=${value}` }, value));
      const select = make("select", {}, make("option", { value: "" }, "all"), ...options);
      tools.append(make("label", {}, head.textContent.trim(), select));
      select.addEventListener("change", () => this.filter());
      this.filters.push((row) => select.value === "" || select.value === `=${row.cells[column]}`);
    });
    this.count = make("output", { "aria-live": "polite" });
    tools.append(this.count);
    this.box.prepend(tools);
  }

  filter() { this.limit = PAGE; this.render(); }

  sort(column) {
    const down = this.heads[column].getAttribute("aria-sort") === "ascending";
    this.heads.forEach((head, i) => head.setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending"));
    const sign = down ? -1 : 1;
    for (const group of this.groups) {
      const keys = new Map(group.rows.map((row) => [row, key(row.cells[column])]));
      group.rows.sort((x, y) => {
        const a = keys.get(x), b = keys.get(y);
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * compare(a, b);
      });
    }
    this.render();
  }

  /** Put the rows that pass the filters into the table, up to the limit; the others stay out of the document. */
  render() {
    let matching = 0;
    for (const group of this.groups) {
      const rows = group.rows.filter((row) => this.filters.every((passes) => passes(row)));
      const shown = rows.slice(0, Math.max(0, this.limit - matching));
      matching += rows.length;
      for (const row of shown) row.tr ??= make("tr", {}, ...row.cells.map((text, i) => cell(text, this.kinds[i])));
      group.body.replaceChildren(...(group.title && shown.length ? [group.title] : []), ...shown.map((row) => row.tr));
    }
    const shown = Math.min(matching, this.limit);
    if (this.count) this.count.textContent = `${shown} of ${matching} rows` + (matching < this.all.length ? ` that match, ${this.all.length} in all` : "");
    this.more.hidden = shown === matching;
    this.more.textContent = `Show ${Math.min(PAGE, matching - shown)} more rows`;
  }
}
for (const box of document.querySelectorAll(".table")) if (box.querySelector("th button")) new SortedTable(box);
