const VECTOR = document.createRange().createContextualFragment("<svg></svg>").firstChild.namespaceURI;
const DASH = "\u2013";

/** An element with attributes and children; text becomes text, never markup. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
function make(tag, attributes, ...children) { return fill(document.createElement(tag), attributes, children); }
function draw(tag, attributes, ...children) { return fill(document.createElementNS(VECTOR, tag), attributes, children); }

/** Columns of the embedded data: a plain list, distinct values with indices into these, or one value for all. */
function expand(column, count) {
  if (Array.isArray(column)) return column;
  return "all" in column ? new Array(count).fill(column.all) : column.at.map((index) => column.of[index]);
}
const DATA = JSON.parse(document.getElementById("data").textContent);
const RUNS = Object.fromEntries(Object.entries(DATA.columns).map(([name, column]) => [name, expand(column, DATA.count)]));
const INDEX_BY_ID = new Map(RUNS.id.map((id, i) => [id, i]));
const PHASES = new Map(DATA.phases);
const METHOD_STYLES = new Map(DATA.method_styles.map((style) => [style.method, style]));

/** Three digits with a readable unit, as the tables write it: 1 kB = 1024 B. */
function quantity(value, unit) {
  if (value === null || value === undefined) return DASH;
  const digits = (v) => Math.abs(v) >= 99.95 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(3)));
  if (unit === "s" || unit === "J") {
    let steps = 0;
    while (value !== 0 && Math.abs(value) < 1 && steps < 2) { value *= 1e3; steps += 1; }
    return `${digits(value)} ${["", "m", "\u00b5"][steps]}${unit}`;
  }
  const factor = unit === "B" ? 1024 : 1e3;
  let steps = 0;
  while (Math.abs(value) >= factor && steps < 3) { value /= factor; steps += 1; }
  return `${digits(value)} ${["", "k", "M", "G"][steps]}${unit}`.trim();
}
function fixed(value, digits) { return value === null || value === undefined ? DASH : value.toFixed(digits); }
function percent(value) {
  if (value === null || !Number.isFinite(value)) return DASH;
  return value === 0 || Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1);
}

/** About `wanted` round numbers within [low, high]. */
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const first = Math.ceil(low / step - 1e-9);
  const values = [];
  for (let k = first; k * step <= high + step * 1e-9; k += 1) values.push(Number((k * step).toPrecision(12)));
  return values;
}
/** A number on an axis. */
function tick(v) { return v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e6) ? v.toExponential() : String(v); }
/** A metric's name as the tables write it. */
function metricLabel(metric) { return DATA.metric_labels[metric] || metric; }
/** The same for one run, whose latency and energy may be extrapolated. */
function costName(i, metric) { return metricLabel(metric) + (RUNS.extrapolated[i] && (metric === "latency" || metric === "energy") ? " (extrapolated)" : ""); }
/** A score's name as people write it. */
function words(name) { return name.replaceAll("_", " ").replace("auc", "AUC"); }
