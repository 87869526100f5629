const STYLES = new Map(DATA.method_styles.map((style) => [style.method, style]));

/** A method's marker around (0, 0), filled or hollow. */
function marker(method, filled) {
  const { path, colour } = STYLES.get(method), [fill, width] = filled ? [colour, 0.6] : ["none", 1.6];
  return draw("path", { d: path, fill, stroke: colour, "stroke-width": width, "fill-opacity": 0.8 });
}
/** Whether a run meets every constraint and is not known to exceed the board. */
function fits(i) { return RUNS.feasible[i] && RUNS.board_fits[i] !== false; }
function distinct(values) { return Array.from(new Set(values)).sort(compare); }

/** A run in a sentence. */
function describeRun(i) {
  const costs = DATA.metrics.filter((metric) => at(`target/${metric}`, i) !== null).map((metric) => {
    const cost = at(`cost/${metric}`, i);
    return `${costName(metric, i)} ${quantity(cost, at(`unit/${metric}`, i))} (${percent(cost, at(`target/${metric}`, i))} of the target)`;
  });
  const score = `float test ${words(RUNS.score_name[i])} ${fixed(RUNS.score[i], 4)}`;
  return [`${RUNS.method[i]}, ${RUNS.budget[i]}, seed ${RUNS.seed[i]}: ${score}`, ...costs, RUNS.verdict[i]].join("; ");
}

/** The plot of score against cost, a marker per finished run of one benchmark, preset and device. */
function exploreRuns(box) {
  const settingOf = (i) => `${RUNS.benchmark[i]}, preset ${RUNS.preset[i]}, ${RUNS.device[i]}`;
  const finished = ALL_RUNS.filter((i) => RUNS.status[i] === "done" && RUNS.score[i] !== null);
  const [tools, legend, plot, told] = [".tools", ".legend", ".plot", ".told"].map((name) => box.querySelector(name));
  const hidden = new Set();
  const select = (label, change) => {
    const list = make("select", {});
    list.addEventListener("change", change);
    tools.append(make("label", {}, label, list));
    return list;
  };
  const offer = (list, options) => {
    const before = list.value;
    list.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    if (options.some(([value]) => value === before)) list.value = before;
    list.parentElement.hidden = options.length < 2;
  };
  const members = () => finished.filter((i) => settingOf(i) === setting.value);

  /** Another benchmark, preset or device has other budgets, costs and methods. */
  const enter = () => {
    const runs = members(), budgets = distinct(runs.map((i) => RUNS.budget[i]));
    offer(budget, budgets.length > 1 ? [["", "all budgets"], ...budgets.map((b) => [b, b])] : [["", ""]]);
    const metrics = DATA.metrics.filter((m) => runs.some((i) => at(`cost/${m}`, i) !== null));
    offer(axis, [...metrics.map((m) => [`cost/${m}`, costName(m)]), ["trainings", "search cost, standard trainings"]]);
    legend.replaceChildren(...distinct(runs.map((i) => RUNS.method[i])).map(legendButton));
    paint();
  };
  const legendButton = (method) => {
    const icon = draw("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, marker(method, true));
    const button = make("button", { type: "button", "aria-pressed": String(!hidden.has(method)) }, icon, method);
    button.addEventListener("click", () => {
      if (!hidden.delete(method)) hidden.add(method);
      button.setAttribute("aria-pressed", String(!hidden.has(method)));
      paint();
    });
    return button;
  };
  const paint = () => {
    const shown = (i) => (!budget.value || RUNS.budget[i] === budget.value) && !hidden.has(RUNS.method[i]);
    const runs = members().filter((i) => shown(i) && at(axis.value, i) !== null), metric = axis.value.replace("cost/", "");
    const look = { title: axis.selectedOptions[0].textContent, width: plot.clientWidth || 900, column: axis.value };
    plot.replaceChildren(scatterPlot(runs, { ...look, target: `target/${metric}`, unit: at(`unit/${metric}`, runs[0]) || "" }));
    told.textContent = `${runs.length} runs shown`;
  };
  const setting = select("Benchmark, preset, device", enter), budget = select("Budget", paint);
  const axis = select("Cost axis", paint);
  const settings = distinct(finished.map(settingOf));
  offer(setting, settings.map((s) => [s, s]));
  const tell = (event) => {
    const point = event.target.closest("a");
    if (point) told.textContent = describeRun(INDEX_BY_ID.get(point.dataset.run));
  };
  plot.addEventListener("pointerover", tell);
  plot.addEventListener("focusin", tell);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    if (step) { event.target[step]?.focus(); event.preventDefault(); }
  });
  const resized = () => plot.clientWidth && plot.clientWidth !== plot.firstChild?.viewBox.baseVal.width;
  new ResizeObserver(() => { if (resized()) paint(); }).observe(plot);
  enter();
}

/** Score of `runs` against the column `column`, as wide as `width`; `target` is the column of a limit. */
function scatterPlot(runs, { column, target, unit, title, width }) {
  const bottom = Math.round(Math.max(300, Math.min(460, width / 2))), height = bottom + 48;
  const area = { left: 58, right: width - 16, top: 16, bottom };
  const limit = new Set(runs.map((i) => RUNS.budget[i])).size === 1 ? at(target, runs[0]) : null;
  const costs = [...runs.map((i) => at(column, i)), ...(limit === null ? [] : [limit])];
  const log = costs.length > 0 && Math.min(...costs) > 0 && Math.max(...costs) > 30 * Math.min(...costs);
  const forward = log ? Math.log10 : (v) => v, [x0, x1] = span(costs.map(forward)), [y0, y1] = span(runs.map((i) => RUNS.score[i]));
  const x = (v) => area.left + ((forward(v) - x0) / (x1 - x0)) * (area.right - area.left);
  const y = (v) => bottom - ((v - y0) / (y1 - y0)) * (bottom - area.top);
  // Round numbers of bytes are those of the unit that is shown, not of the byte.
  const round = unit === "B" ? 1024 ** Math.floor(Math.log2(Math.max(1, x1)) / 10) : 1;
  const steps = log ? ticks(Math.ceil(x0), Math.floor(x1), 6).filter(Number.isInteger).map((p) => 10 ** p)
    : ticks(x0 / round, x1 / round, Math.max(3, width / 140)).map((v) => v * round);
  const parts = steps.flatMap((v) => [
    rule("grid", x(v), area.top, x(v), bottom),
    label(x(v), bottom + 18, "middle", unit ? quantity(v, unit) : tick(v)),
  ]);
  parts.push(...axes(area, ticks(y0, y1, 6).map((v) => [v, tick(v)]), y));
  if (limit !== null) parts.push(rule("limit", x(limit), area.top, x(limit), bottom));
  parts.push(label((area.left + area.right) / 2, height - 8, "middle", title + (log ? " (logarithmic)" : "")));
  parts.push(upright(14, (area.top + bottom) / 2, "middle", `float test ${words(RUNS.score_name[runs[0]] || "score")}`));
  const points = runs.toSorted((i, j) => at(column, i) - at(column, j) || RUNS.score[i] - RUNS.score[j]).map((i, k) => {
    const place = `translate(${x(at(column, i)).toFixed(1)} ${y(RUNS.score[i]).toFixed(1)})`, id = RUNS.id[i];
    const about = { href: `#run=${id}`, "data-run": id, tabindex: k ? "-1" : "0", "aria-label": describeRun(i), transform: place };
    return draw("a", about, draw("circle", { r: 9, fill: "transparent" }), marker(RUNS.method[i], fits(i)));
  });
  const about = { role: "group", "aria-label": "Test score against cost, a link per run" };
  return draw("svg", { viewBox: `0 0 ${width} ${height}`, ...about }, ...parts, draw("g", {}, ...points));
}

if (document.getElementById("scatter")) exploreRuns(document.getElementById("scatter"));
