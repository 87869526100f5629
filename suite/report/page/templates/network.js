const KINDS = { conv: "#0072B2", depthwise: "#56B4E9", linear: "#D55E00", add: "#009E73", input: "#7F7F7F" };
function kindColour(kind) { return KINDS[kind] || "#E69F00"; }

/** A table in a box of its own; `head` are headings with the kind of their column, a cell is text or an element. */
function plainTable(name, head, rows) {
  const heading = make("tr", {}, ...head.map(([text, kind]) => make("th", { class: kind, scope: "col" }, text)));
  const lines = rows.map((row) => make("tr", {}, ...row.map((cell, i) => make("td", { class: head[i][1] }, cell))));
  const table = make("table", {}, make("caption", { class: "hidden" }, name), make("thead", {}, heading), make("tbody", {}, ...lines));
  return scrollBox(name, table);
}
function scrollBox(name, content, kind = "") {
  return make("div", { class: `scroll ${kind}`, role: "region", tabindex: "0", "aria-label": name }, content);
}
/** Bars one over the other, from 0, and the dashed outline of the reference's; lengths are shares of `most`. */
function bar(most, filled, reference) {
  const share = (v) => `${(100 * v) / most}%`;
  const bars = filled.map(([v, colour]) => draw("rect", { x: 0, y: 3, width: share(v), height: 12, fill: colour }));
  const outline = reference === null ? null : draw("rect", { class: "reference", x: 0, y: 1, width: share(reference), height: 16 });
  return draw("svg", { class: "bars", "aria-hidden": "true" }, ...bars, outline);
}

/** A line a layer: a bar as long as its width, in an outline as long as the reference network's; the last width is the task's. */
function layerTable(layers) {
  const widest = layers.slice(0, -1).reduce((most, layer) => Math.max(most, layer.out, layer.reference ?? 0), 1);
  const rows = layers.map((layer, i) => {
    const stride = layer.stride.some((s) => s > 1) ? `, stride ${layer.stride.join("\u00d7")}` : "";
    const kind = layer.kind === "linear" ? "linear" : `${layer.kind} ${layer.kernel.join("\u00d7")}${stride}`;
    const width = layer.out + (layer.reference === null ? "" : ` of ${layer.reference}`);
    const drawn = i === layers.length - 1 ? "" : bar(widest, [[layer.out, kindColour(layer.kind)]], layer.reference);
    return [layer.name, width, drawn, kind, layer.size.join("\u00d7")];
  });
  const head = [["layer", "word"], ["width", "number"], ["beside the reference's", "bar"], ["kind", "word"], ["output", "number"]];
  return plainTable("Layers", head, rows);
}

/** A line an operator: flash with the weights in colour, latency; outlines are the reference network's. */
function operatorTable(network, i) {
  const most = (metric) => network.operators.reduce((high, o) => Math.max(high, o[metric], o.reference?.[metric] ?? 0), 0) || 1;
  const beside = (o, metric, unit) => quantity(o[metric], unit) + (o.reference ? ` of ${quantity(o.reference[metric], unit)}` : "");
  const flash = most("flash"), latency = most("latency"), unit = at("unit/latency", i) || "";
  const rows = network.operators.map((o) => [
    o.name,
    beside(o, "flash", "B"),
    bar(flash, [[o.flash, "#BBB"], [o.weights, kindColour(o.kind)]], o.reference?.flash ?? null),
    beside(o, "latency", unit),
    bar(latency, [[o.latency, kindColour(o.kind)]], o.reference?.latency ?? null),
    words(o.kind),
  ]);
  const head = [["operator", "word"], ["flash", "number"], ["weights in colour", "bar"], [costName("latency", i), "number"]];
  return plainTable("Operators", [...head, ["beside the reference's", "bar"], ["kind", "word"]], rows);
}

/** What budget and board leave for activations, as name and bytes: the board's RAM without scratch and tail of the arena. */
function memoryLimits(i, peak) {
  const [ram, arena] = [at("board/ram_limit", i), at("board/arena", i)];
  const limits = [["budget", at("target/ram", i)], ["board", ram === null || arena === null ? null : ram - (arena - peak)]];
  return limits.filter(([, limit]) => limit !== null && limit > 0);
}

/** Buffers of the arena over the operators: from the one that writes a buffer to the last that reads it, at its place. */
function memoryChart({ operators, buffers, peak }, i) {
  const limits = memoryLimits(i, peak), near = limits.filter(([, limit]) => limit <= 1.5 * peak);
  const step = Math.max(22, 640 / operators.length), longest = Math.max(...operators.map((o) => o.name.length));
  const area = { left: 64, right: 64 + step * operators.length, top: 16, bottom: 256 };
  const width = area.right + 12, height = area.bottom + 14 + 6.6 * longest;
  const highest = 1.2 * Math.max(peak, ...near.map(([, limit]) => limit));
  const x = (k) => area.left + k * step, y = (v) => area.bottom - ((area.bottom - area.top) * v) / highest;
  const [unit, factor] = peak >= 4096 ? ["kB", 1024] : ["B", 1];
  const parts = axes(area, ticks(0, highest / factor, 5).map((v) => [v * factor, `${tick(v)} ${unit}`]), y);
  for (const b of buffers) {
    const fill = kindColour(operators.find((o) => o.name === b.layer)?.kind), top = y(b.offset + b.bytes);
    const size = { width: (b.last - b.first + 1) * step, height: y(b.offset) - top };
    const name = draw("title", {}, `${b.layer}: ${bytes(b.bytes)} at ${bytes(b.offset)}`);
    parts.push(draw("rect", { class: "buffer", x: x(b.first), y: top, ...size, fill }, name));
  }
  operators.forEach((o, k) => parts.push(upright(x(k + 0.5) + 4, area.bottom + 8, "end", o.name)));
  const places = { budget: [area.right - 4, "end"], board: [(area.left + width) / 2, "middle"], peak: [area.left + 6, "start"] };
  for (const [name, value] of [...near, ["peak", peak]]) {
    const [where, anchor] = places[name];
    parts.push(rule(name, area.left, y(value), area.right, y(value)));
    parts.push(label(where, y(value) - 5, anchor, `${name} ${bytes(value)}`, { class: "over-lines" }));
  }
  const style = `min-width: ${Math.round(0.9 * width)}px; max-width: ${Math.round(1.6 * width)}px`;
  const about = { role: "img", "aria-label": `RAM over the operators: peak ${bytes(peak)}` };
  const told = limits.map(([name, limit]) => `; ${name === "board" ? "the board leaves" : "the budget allows"} ${bytes(limit)}`);
  const kinds = Array.from(new Set(operators.map((o) => o.kind)));
  return [
    scrollBox("RAM over the operators", draw("svg", { viewBox: `0 0 ${width} ${height}`, style, ...about }, ...parts), "chart"),
    legendOf(kinds.map((kind) => [words(kind), draw("rect", { width: 26, height: 10, fill: kindColour(kind) })])),
    make("p", { class: "soft" }, "Each rectangle is a buffer of the arena's head (int8 activations and what kernels ask for), by ",
      `TensorFlow Lite Micro's greedy plan${told.join("")}.`),
  ];
}
