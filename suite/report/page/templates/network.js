const KINDS = { conv: "#0072B2", depthwise: "#56B4E9", linear: "#D55E00", add: "#009E73", input: "#7F7F7F" };
const OTHER_KIND = "#E69F00";
function kindColour(kind) { return KINDS[kind] || OTHER_KIND; }
function bytes(value) { return `${Math.floor(value).toLocaleString("en")} B`; }

/** What budget and board leave for activations, as name and bytes: the board's RAM without scratch and tail of the arena. */
function memoryLimits(i, peak) {
  const at = (name) => (RUNS[name] || [])[i] ?? null;
  const limits = [["budget", at("target/ram")]];
  if (at("board/ram_limit") !== null && at("board/arena") !== null) limits.push(["board", at("board/ram_limit") - (at("board/arena") - peak)]);
  return limits.filter(([, limit]) => limit !== null && limit > 0);
}

/** Buffers of the arena over the operators: from the one that writes a buffer to the last that reads it, at its place. */
function memoryChart(network, i) {
  const { operators, buffers, peak } = network;
  const limits = memoryLimits(i, peak), drawn = limits.filter(([, limit]) => limit <= 1.5 * peak);
  const longest = Math.max(...operators.map((o) => o.name.length));
  const left = 64, right = 12, top = 16, step = Math.max(22, 640 / operators.length), bottom = 14 + 6.4 * longest, inner = 240;
  const width = left + right + step * operators.length, height = top + inner + bottom;
  const highest = 1.2 * Math.max(peak, ...drawn.map(([, limit]) => limit));
  const x = (k) => left + k * step, y = (v) => top + inner * (1 - v / highest);
  const round = peak >= 4096 ? 1024 : 1, parts = [];
  for (const v of ticks(0, highest / round, 5)) parts.push(
    draw("line", { class: "grid", x1: left, x2: width - right, y1: y(v * round), y2: y(v * round) }),
    draw("text", { x: left - 8, y: y(v * round) + 4, "text-anchor": "end" }, `${tick(v)} ${round > 1 ? "kB" : "B"}`));
  for (const b of buffers) parts.push(draw("rect", { x: x(b.first), y: y(b.offset + b.bytes), width: (b.last - b.first + 1) * step, height: y(b.offset) - y(b.offset + b.bytes),
    fill: kindColour(operators.find((o) => o.name === b.layer)?.kind), stroke: "#222", "stroke-width": 0.7 }, draw("title", {}, `${b.layer}: ${bytes(b.bytes)} at ${bytes(b.offset)}`)));
  operators.forEach((o, k) => parts.push(draw("text", { transform: `translate(${x(k + 0.5) + 4} ${top + inner + 8}) rotate(-90)`, "text-anchor": "end", "font-size": 11 }, o.name)));
  parts.push(draw("path", { class: "axis", fill: "none", d: `M${left} ${top}V${top + inner}H${width - right}` }));
  const line = (name, value, at, anchor, dash) => parts.push(
    draw("line", { class: name, x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: name === "peak" ? "#D55E00" : "#444", "stroke-width": 1.6, "stroke-dasharray": dash }),
    draw("text", { x: at, y: y(value) - 5, "text-anchor": anchor, class: "told" }, `${name} ${bytes(value)}`));
  for (const [name, limit] of drawn) {
    if (name === "budget") line(name, limit, width - right - 4, "end", null);
    else line(name, limit, (left + width) / 2, "middle", "2 3");
  }
  line("peak", peak, left + 6, "start", "6 3");
  const chart = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `min-width: ${Math.round(0.8 * width)}px`, "aria-label": `RAM over the operators: peak ${bytes(peak)}` }, ...parts);
  return [make("div", { class: "scroll chart", role: "region", tabindex: "0", "aria-label": "RAM over the operators" }, chart), make("p", { class: "soft" }, describeLimits(i, limits))];
}
function describeLimits(i, limits) {
  const told = limits.map(([name, limit]) => `${name === "board" ? "the board leaves" : "the budget allows"} ${bytes(limit)}`);
  return `Each rectangle is a buffer of the arena's head (int8 activations and what kernels ask for), by TensorFlow Lite Micro's greedy plan${told.length ? `; ${told.join(", ")}` : ""}.`;
}
function kindKeys(operators) {
  const kinds = Array.from(new Set(operators.map((o) => o.kind)));
  return make("ul", { class: "keys" }, ...kinds.map((kind) => make("li", {},
    draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("rect", { x: 1, y: 0, width: 24, height: 10, fill: kindColour(kind) })), ` ${words(kind)}`)));
}

/** A line an operator: flash with the weights in colour, latency; outlines are the reference network's. */
function operatorTable(network, i) {
  const { operators } = network, unit = RUNS["unit/latency"]?.[i] || "";
  const most = (metric) => operators.reduce((high, o) => Math.max(high, o[metric], o.reference?.[metric] ?? 0), 0) || 1;
  const bar = (o, metric, parts) => {
    const share = (v) => `${(100 * v) / most(metric)}%`;
    const outline = o.reference ? draw("rect", { x: 0, y: 1, width: share(o.reference[metric]), height: 16, fill: "none", stroke: "#777", "stroke-dasharray": "3 2" }) : null;
    return draw("svg", { "aria-hidden": "true" }, ...parts.map(([v, fill]) => draw("rect", { x: 0, y: 3, width: share(v), height: 12, fill })), outline);
  };
  const beside = (o, metric, u) => quantity(o[metric], u) + (o.reference ? ` of ${quantity(o.reference[metric], u)}` : "");
  const rows = operators.map((o) => make("tr", {}, make("td", { class: "word" }, o.name), make("td", { class: "word" }, words(o.kind)),
    make("td", { class: "number" }, beside(o, "flash", "B")), make("td", { class: "bar" }, bar(o, "flash", [[o.flash, "#BBB"], [o.weights, kindColour(o.kind)]])),
    make("td", { class: "number" }, beside(o, "latency", unit)), make("td", { class: "bar" }, bar(o, "latency", [[o.latency, kindColour(o.kind)]]))));
  const head = [["operator", "word"], ["kind", "word"], ["flash", "number"], ["weights in colour", "word bar"], [costName(i, "latency"), "number"], ["beside the reference's", "word bar"]];
  return make("div", { class: "scroll layers operators", role: "region", tabindex: "0", "aria-label": "Operators" }, make("table", {},
    make("caption", { class: "hidden" }, "Flash and latency by operator"),
    make("thead", {}, make("tr", {}, ...head.map(([h, kind]) => make("th", { scope: "col", class: kind }, h)))), make("tbody", {}, ...rows)));
}
