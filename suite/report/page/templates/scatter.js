/** Matplotlib's markers around (0, 0), about 10 units wide, in relative steps so that many join into one path. */
function polygon(points) {
  const steps = points.map(([x, y], i) => (i ? [x - points[i - 1][0], y - points[i - 1][1]] : [x, y]));
  return `m${steps.map((step) => step.map((v) => +v.toFixed(2)).join(" ")).join("l")}z`;
}
function star(corners, radius, inner) {
  const count = inner ? 2 * corners : corners;
  return polygon(Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count - Math.PI / 2, r = inner && i % 2 ? inner : radius;
    return [r * Math.cos(angle), r * Math.sin(angle)];
  }));
}
const CROSS = [[-2.6, -5.2], [0, -2.6], [2.6, -5.2], [5.2, -2.6], [2.6, 0], [5.2, 2.6], [2.6, 5.2], [0, 2.6], [-2.6, 5.2], [-5.2, 2.6], [-2.6, 0], [-5.2, -2.6]];
const MARKERS = {
  o: "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", s: "m-4.4 -4.4h8.8v8.8h-8.8z", P: "m-1.8 -5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6z",
  D: star(4, 5.8), X: polygon(CROSS), p: star(5, 5.4), h: star(6, 5.4), "*": star(5, 6.4, 2.6),
  "^": polygon([[0, -5.4], [5.4, 4.6], [-5.4, 4.6]]), v: polygon([[0, 5.4], [5.4, -4.6], [-5.4, -4.6]]),
  "<": polygon([[-5.4, 0], [4.6, 5.4], [4.6, -5.4]]), ">": polygon([[5.4, 0], [-4.6, 5.4], [-4.6, -5.4]]),
  d: polygon([[0, -5.8], [3.5, 0], [0, 5.8], [-3.5, 0]]), H: polygon([[5.4, 0], [2.7, 4.7], [-2.7, 4.7], [-5.4, 0], [-2.7, -4.7], [2.7, -4.7]]),
  8: star(8, 5.4), "$\u25e2$": polygon([[4.8, -4.8], [4.8, 4.8], [-4.8, 4.8]]),
};
/** Filled where the run is within its budget and not known to exceed the board, else hollow. */
function marker(style, fits) {
  return { d: MARKERS[style.marker] || MARKERS.o, fill: fits ? style.colour : "none", stroke: style.colour, "stroke-width": fits ? 0.6 : 1.6 };
}
function settingOf(i) { return `${RUNS.benchmark[i]}, preset ${RUNS.preset[i]}, ${RUNS.device[i]}`; }
function byNumber(a, b) { return a.localeCompare(b, "en", { numeric: true }); }

/** What a reader wants to know of a run: pairs of heading and text. */
function describeRun(i) {
  const lines = [["budget", RUNS.budget[i]], ["seed", String(RUNS.seed[i])]];
  lines.push([`float test ${words(RUNS.score_name[i])}`, fixed(RUNS.score[i], 4)]);
  if (RUNS["int8/score"][i] !== null) lines.push([`int8 test ${words(RUNS.score_name[i])}`, fixed(RUNS["int8/score"][i], 4)]);
  for (const metric of DATA.metrics) {
    const cost = RUNS[`cost/${metric}`][i], whole = RUNS[`reference/${metric}`][i], limit = (RUNS[`target/${metric}`] || [])[i] ?? null;
    if (cost === null) continue;
    const parts = whole ? [`${percent((100 * cost) / whole)} % of reference`] : [];
    if (limit !== null) parts.push(`${percent((100 * cost) / limit)} % of target`);
    lines.push([costName(i, metric), quantity(cost, RUNS[`unit/${metric}`][i]) + (parts.length ? ` (${parts.join(", ")})` : "")]);
  }
  lines.push(["verdict", RUNS.verdict[i]]);
  if (RUNS.settings[i]) lines.push(["settings", RUNS.settings[i]]);
  return lines;
}

class Scatter {
  constructor(box) {
    this.box = box;
    this.size = { width: 900, height: 440, left: 58, right: 16, top: 16, bottom: 48 };
    this.off = new Set();
    const finished = RUNS.id.map((_, i) => i).filter((i) => RUNS.status[i] === "done" && RUNS.score[i] !== null);
    this.settings = new Map();
    for (const i of finished) {
      if (!this.settings.has(settingOf(i))) this.settings.set(settingOf(i), []);
      this.settings.get(settingOf(i)).push(i);
    }
    this.setting = this.select("Benchmark, preset, device", Array.from(this.settings.keys()).sort(byNumber), () => this.enter());
    // The setting with most runs first: what a reader came for is rarely a side track.
    this.setting.value = Array.from(this.settings).reduce((most, entry) => (entry[1].length > most[1].length ? entry : most))[0];
    this.budget = this.select("Budget", [], () => this.paint());
    this.axis = this.select("Cost axis", [], () => this.paint());
    this.plot = box.querySelector(".plot");
    this.canvas = this.plot.querySelector("svg");
    this.tip = this.plot.querySelector(".tip");
    this.legend = box.querySelector(".legend");
    this.listen();
    this.enter();
    new ResizeObserver(() => { if (this.plot.clientWidth && this.plot.clientWidth !== this.size.width) this.paint(); }).observe(this.plot);
  }

  select(label, options, change) {
    const select = make("select", {}, ...options.map((o) => make("option", { value: o }, o)));
    select.addEventListener("change", change);
    this.box.querySelector(".tools").append(make("label", {}, label, select));
    return select;
  }
  refill(select, options) {
    const before = select.value;
    select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    if (options.some(([value]) => value === before)) select.value = before;
    select.parentElement.hidden = options.length < 2;
  }

  /** Another benchmark, preset or device: other budgets, costs and methods. */
  enter() {
    this.setting.parentElement.hidden = this.settings.size < 2;
    const members = this.settings.get(this.setting.value);
    const budgets = Array.from(new Set(members.map((i) => RUNS.budget[i]))).sort(byNumber);
    this.refill(this.budget, [["", "all budgets"], ...budgets.map((b) => [b, b])]);
    if (budgets.length === 1) this.budget.parentElement.hidden = true;
    const axes = DATA.metrics.filter((m) => members.some((i) => RUNS[`cost/${m}`][i] !== null))
      .map((m) => [m, metricLabel(m)]);
    axes.push(["trainings", "search cost, standard trainings"]);
    this.refill(this.axis, axes);
    const methods = Array.from(new Set(members.map((i) => RUNS.method[i]))).sort(byNumber);
    this.legend.replaceChildren(...methods.map((method) => this.legendButton(method)));
    this.paint();
  }

  legendButton(method) {
    const icon = draw("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, draw("path", marker(METHOD_STYLES.get(method), true)));
    const button = make("button", { type: "button", "aria-pressed": String(!this.off.has(method)) }, icon, method);
    button.addEventListener("click", () => {
      if (!this.off.delete(method)) this.off.add(method);
      button.setAttribute("aria-pressed", String(!this.off.has(method)));
      this.paint();
    });
    return button;
  }

  cost(i) { return this.axis.value === "trainings" ? RUNS.trainings[i] : RUNS[`cost/${this.axis.value}`][i]; }

  paint() {
    this.hide();
    const width = this.plot.clientWidth || 900;
    Object.assign(this.size, { width, height: Math.round(Math.max(300, Math.min(460, width / 2))) });
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${this.size.height}`);
    const chosen = this.settings.get(this.setting.value).filter((i) => (
      (!this.budget.value || RUNS.budget[i] === this.budget.value) && !this.off.has(RUNS.method[i]) && this.cost(i) !== null));
    this.scale(chosen);
    this.points = chosen.map((i) => ({ i, x: this.x(this.cost(i)), y: this.y(RUNS.score[i]) })).sort((a, b) => a.x - b.x || a.y - b.y);
    const marks = new Map();
    for (const { i, x, y } of this.points) {
      const name = JSON.stringify([RUNS.method[i], RUNS.feasible[i] && RUNS.board_fits[i] !== false]);
      const path = MARKERS[METHOD_STYLES.get(RUNS.method[i]).marker] || MARKERS.o;
      // One path for a method's runs: a thousand markers are then a handful of elements.
      marks.set(name, (marks.get(name) || "") + `M${x.toFixed(1)} ${y.toFixed(1)}` + path);
    }
    const shapes = Array.from(marks, ([name, d]) => {
      const [method, fits] = JSON.parse(name);
      return draw("path", { ...marker(METHOD_STYLES.get(method), fits), d, "fill-opacity": fits ? 0.8 : null });
    });
    this.ring = draw("circle", { r: 10, fill: "none", stroke: "#111", "stroke-width": 2, visibility: "hidden" });
    this.canvas.replaceChildren(...this.frame(), ...shapes, this.ring);
    this.box.querySelector(".count").textContent = `${this.points.length} runs shown`;
  }

  scale(chosen) {
    const { width, height, left, right, top, bottom } = this.size;
    const span = (values) => {
      const low = values.length ? values.reduce((a, b) => Math.min(a, b)) : 0, high = values.length ? values.reduce((a, b) => Math.max(a, b)) : 1;
      const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
      return [low - margin, high + margin];
    };
    const costs = chosen.map((i) => this.cost(i));
    this.target = this.limit(chosen);
    if (this.target !== null) costs.push(this.target);
    this.log = costs.length > 0 && costs.every((c) => c > 0) && Math.max(...span(costs)) > 30 * costs.reduce((a, b) => Math.min(a, b));
    const forward = this.log ? Math.log10 : (v) => v;
    const [x0, x1] = span(costs.map(forward));
    const [y0, y1] = span(chosen.map((i) => RUNS.score[i]));
    Object.assign(this, { x0, x1, y0, y1 });
    this.x = (v) => left + ((forward(v) - x0) / (x1 - x0)) * (width - left - right);
    this.y = (v) => height - bottom - ((v - y0) / (y1 - y0)) * (height - top - bottom);
  }

  /** The target of the one budget that is shown, or null. */
  limit(chosen) {
    const budgets = new Set(chosen.map((i) => RUNS.budget[i]));
    const targets = RUNS[`target/${this.axis.value}`];
    return budgets.size === 1 && targets ? targets[chosen[0]] : null;
  }

  frame() {
    const { width, height, left, right, top, bottom } = this.size;
    const unit = this.axis.value === "trainings" ? "" : RUNS[`unit/${this.axis.value}`][this.settings.get(this.setting.value)[0]];
    const parts = [draw("title", {}, "Test score against cost, a marker per run")];
    // Round numbers of bytes are those of the unit that is shown, not of the byte.
    const round = unit === "B" ? 1024 ** Math.floor(Math.log2(Math.max(1, this.x1)) / 10) : 1;
    const steps = this.log ? ticks(Math.ceil(this.x0), Math.floor(this.x1), 6).filter(Number.isInteger).map((p) => 10 ** p)
      : ticks(this.x0 / round, this.x1 / round, Math.max(3, width / 120)).map((v) => v * round);
    for (const v of steps) parts.push(
      draw("line", { class: "grid", x1: this.x(v), x2: this.x(v), y1: top, y2: height - bottom }),
      draw("text", { x: this.x(v), y: height - bottom + 18, "text-anchor": "middle" }, unit ? quantity(v, unit) : tick(v)));
    for (const v of ticks(this.y0, this.y1, 6)) parts.push(
      draw("line", { class: "grid", x1: left, x2: width - right, y1: this.y(v), y2: this.y(v) }),
      draw("text", { x: left - 8, y: this.y(v) + 4, "text-anchor": "end" }, tick(v)));
    parts.push(draw("path", { class: "axis", fill: "none", d: `M${left} ${top}V${height - bottom}H${width - right}` }));
    if (this.target !== null) parts.push(
      draw("line", { class: "limit", x1: this.x(this.target), x2: this.x(this.target), y1: top, y2: height - bottom }),
      draw("text", this.x(this.target) > width - right - 45 ? { x: this.x(this.target) - 5, y: top + 10, "text-anchor": "end" } : { x: this.x(this.target) + 5, y: top + 10 }, "target"));
    const label = this.axis.selectedOptions[0].textContent;
    parts.push(draw("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, label + (this.log ? " (logarithmic)" : "")));
    const score = `float test ${words(RUNS.score_name[this.settings.get(this.setting.value)[0]])}`;
    parts.push(draw("text", { transform: `translate(14 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, score));
    return parts;
  }

  listen() {
    this.plot.addEventListener("pointermove", (event) => { if (!event.target.closest(".tip")) this.show(this.nearest(event)); });
    this.plot.addEventListener("pointerleave", () => this.hide());
    this.canvas.addEventListener("click", (event) => {
      const nearest = this.nearest(event);
      if (nearest === -1) return;
      // A finger cannot hover: the first touch describes the run, the link in the description opens it.
      if (event.pointerType === "touch") this.show(nearest);
      else location.hash = `run=${RUNS.id[this.points[nearest].i]}`;
    });
    this.plot.addEventListener("keydown", (event) => this.press(event));
    this.plot.addEventListener("blur", () => this.hide());
  }

  press(event) {
    const last = this.points.length - 1, at = this.at ?? -1;
    const steps = { ArrowRight: at + 1, ArrowLeft: at < 0 ? last : at - 1, Home: 0, End: last };
    if (event.key in steps && last >= 0) {
      this.show(Math.max(0, Math.min(last, steps[event.key])));
      event.preventDefault();
    } else if (event.key === "Enter" && at >= 0 && event.target === this.plot) location.hash = `run=${RUNS.id[this.points[at].i]}`;
    else if (event.key === "Escape") this.hide();
  }

  /** The point within 20 units of the pointer, or -1. */
  nearest(event) {
    const area = this.canvas.getBoundingClientRect(), unit = this.size.width / area.width;
    const x = (event.clientX - area.left) * unit, y = (event.clientY - area.top) * unit;
    let best = -1, least = 20 ** 2;
    this.points.forEach((p, at) => {
      const distance = (p.x - x) ** 2 + (p.y - y) ** 2;
      if (distance < least) [best, least] = [at, distance];
    });
    return best;
  }

  show(at) {
    if (at === this.at) return;
    if (at === -1) { this.hide(); return; }
    this.at = at;
    const { i, x, y } = this.points[at];
    for (const [name, value] of [["cx", x], ["cy", y], ["visibility", "visible"]]) this.ring.setAttribute(name, value);
    const list = make("dl", {}, ...describeRun(i).flatMap(([heading, text]) => [make("dt", {}, heading), make("dd", {}, text)]));
    this.tip.replaceChildren(make("strong", {}, RUNS.method[i]), list, make("a", { href: `#run=${RUNS.id[i]}`, tabindex: "-1" }, "Open run"));
    this.tip.hidden = false;
    const scale = this.canvas.clientWidth / this.size.width, room = this.plot.clientWidth - this.tip.offsetWidth - 4;
    const beside = x * scale + 16 <= room ? x * scale + 16 : x * scale - this.tip.offsetWidth - 16;
    const narrow = beside < 0;
    this.tip.style.left = `${narrow ? 4 : beside}px`;
    this.tip.style.top = `${narrow ? y * scale + 16 : Math.max(4, y * scale - 40)}px`;
  }
  hide() {
    this.at = null;
    this.tip.hidden = true;
    if (this.ring) this.ring.setAttribute("visibility", "hidden");
  }
}

const stage = document.getElementById("scatter");
if (stage) new Scatter(stage);
