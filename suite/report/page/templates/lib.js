const VECTOR = document.createRange().createContextualFragment("<svg></svg>").firstChild.namespaceURI;
const DASH = "\u2013";

/** An element with attributes and children; text becomes text, never markup. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
function make(tag, attributes, ...children) { return fill(document.createElement(tag), attributes, children); }
function draw(tag, attributes, ...children) { return fill(document.createElementNS(VECTOR, tag), attributes, children); }
function label(x, y, anchor, text, more = {}) { return draw("text", { x, y, "text-anchor": anchor, ...more }, text); }
function upright(x, y, anchor, text) { return label(0, 0, anchor, text, { transform: `translate(${x} ${y}) rotate(-90)` }); }
function rule(name, x1, y1, x2, y2) { return draw("line", { class: name, x1, y1, x2, y2 }); }

/** Columns of the embedded data: a plain list, distinct values with indices into these, or one value for all. */
function valueAt(column, i) {
  if (Array.isArray(column)) return column[i];
  return "all" in column ? column.all : column.of[column.at[i]];
}
const DATA = JSON.parse(document.getElementById("data").textContent);
const ALL_RUNS = Array.from({ length: DATA.count }, (_, i) => i);
const RUNS = Object.fromEntries(
  Object.entries(DATA.columns).map(([name, column]) => [name, ALL_RUNS.map((i) => valueAt(column, i))]),
);
const INDEX_BY_ID = new Map(RUNS.id.map((id, i) => [id, i]));
const PHASES = new Map(DATA.phases);
/** A value of a run, null where the column is missing. */
function at(name, i) { return RUNS[name]?.[i] ?? null; }

/** Three digits with a readable unit, as the tables write it: 1 kB = 1024 B. */
function quantity(value, unit) {
  if (value === null) return DASH;
  const digits = (v) => Math.abs(v) >= 99.95 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(3)));
  let steps = 0;
  if (unit === "s" || unit === "J") {
    for (; value !== 0 && Math.abs(value) < 1 && steps < 2; steps += 1) value *= 1e3;
    return `${digits(value)} ${["", "m", "\u00b5"][steps]}${unit}`;
  }
  const factor = unit === "B" ? 1024 : 1e3;
  for (; Math.abs(value) >= factor && steps < 3; steps += 1) value /= factor;
  return `${digits(value)} ${["", "k", "M", "G"][steps]}${unit}`.trim();
}
function bytes(value) { return value === null ? DASH : `${Math.floor(value).toLocaleString("en")} B`; }
function fixed(value, digits) { return value === null ? DASH : value.toFixed(digits); }
/** "45.3 %" of a whole; a dash where one of the two is unknown. */
function percent(part, whole) {
  if (part === null || !whole) return DASH;
  const value = (100 * part) / whole;
  return `${value.toFixed(value === 0 || Math.abs(value) >= 99.95 ? 0 : 1)} %`;
}
/** A score's name as people write it. */
function words(name) { return name.replaceAll("_", " ").replace("auc", "AUC"); }
/** A metric's name as the tables write it; latency and energy of a run may be extrapolated. */
function costName(metric, i = null) {
  const extrapolated = i !== null && RUNS.extrapolated[i] && (metric === "latency" || metric === "energy");
  return (DATA.metric_labels[metric] || metric) + (extrapolated ? " (extrapolated)" : "");
}

/** The least and the largest of some values, with a margin to both sides. */
function span(values) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
  return [low - margin, high + margin];
}
/** About `wanted` round numbers within [low, high]. */
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const values = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    values.push(Number((k * step).toPrecision(12)));
  }
  return values;
}
/** A number on an axis. */
function tick(v) { return v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e6) ? v.toExponential() : String(v); }
/** Axes of a plot: a line and a label at each height of `marks` (value and text), and the frame. */
function axes({ left, right, top, bottom }, marks, y) {
  const lines = marks.flatMap(([value, text]) => [
    rule("grid", left, y(value), right, y(value)),
    label(left - 6, y(value) + 4, "end", text),
  ]);
  return [...lines, draw("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` })];
}
