const LINES = [["#0072B2", ""], ["#D55E00", "6 3"], ["#009E73", "2 3"], ["#882255", "8 3 2 3"], ["#7F7F7F", "1 2"], ["#000000", "10 4"]]
  .map(([stroke, dashes]) => ({ stroke, "stroke-dasharray": dashes, fill: "none", "stroke-width": 2 }));
function lineStyle(s) { return LINES[s % LINES.length]; }

/** A small line chart over the epochs of a run. `series`: name and values, null where nothing was measured;
 *  `breaks`: where a phase starts, with its name; `level`: a value to draw a line at. */
function lineChart(title, series, breaks, level) {
  const width = 420, height = 200, area = { left: 48, right: width - 8, top: 22, bottom: height - 28 };
  const measured = (line) => line.filter((v) => v !== null), count = series[0]?.[1].length;
  const values = series.flatMap(([, line]) => measured(line));
  if (!values.length) return null;
  const [low, high] = span(level === null ? values : [...values, level]);
  const x = (i) => area.left + ((i + 0.5) / count) * (area.right - area.left);
  const y = (v) => area.bottom - ((v - low) / (high - low)) * (area.bottom - area.top);
  const parts = axes(area, ticks(low, high, 4).map((v) => [v, tick(v)]), y);
  let free = 0;
  for (const [start, name] of breaks) {
    const edge = x(start - 0.5);
    if (start) parts.push(rule("phase", edge, area.top - 6, edge, area.bottom));
    // A phase too short for its name goes without.
    if (!name || edge < free) continue;
    parts.push(label(edge + 3, area.top - 7, "start", name));
    free = edge + 12 + 6.2 * name.length;
  }
  parts.push(label(area.right, height - 8, "end", `${count} epochs in all`));
  if (level !== null) parts.push(rule("limit", area.left, y(level), area.right, y(level)));
  const starts = new Set(breaks.map(([start]) => start));
  series.forEach(([, line], s) => parts.push(...strokes(line, starts, lineStyle(s), x, y)));
  const short = (v) => Number(v.toPrecision(3));
  const told = series.map(([name, line]) => [name, measured(line)]).filter(([, line]) => line.length)
    .map(([name, line]) => `${name} from ${short(line[0])} to ${short(line.at(-1))}`);
  const keys = series.map(([name], s) => [name, draw("line", { x1: 1, x2: 25, y1: 5, y2: 5, ...lineStyle(s) })]);
  const drawn = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${told.join(", ")}` }, ...parts);
  return make("figure", { class: "chart" }, make("h3", {}, title), drawn, series.length > 1 ? legendOf(keys) : null);
}
/** What colours or dashes mean: names and what is drawn before them. */
function legendOf(keys) {
  const icon = (sign) => draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, sign);
  return make("ul", { class: "keys" }, ...keys.map(([name, sign]) => make("li", {}, icon(sign), ` ${name}`)));
}
/** A line with gaps where nothing was measured or a phase starts; a lone value is a dot. */
function strokes(line, starts, style, x, y) {
  const pieces = [];
  line.forEach((value, i) => {
    if (value === null) return;
    if (!pieces.length || starts.has(i) || line[i - 1] === null) pieces.push([]);
    pieces.at(-1).push([x(i).toFixed(1), y(value).toFixed(1)]);
  });
  return pieces.map((points) => (points.length === 1 ? draw("circle", { cx: points[0][0], cy: points[0][1], r: 2.5, fill: style.stroke })
    : draw("path", { d: `M${points.map((p) => p.join(" ")).join("L")}`, ...style })));
}

/** The charts of a run's history. */
function historyCharts(history, run) {
  const breaks = [];
  let epoch = 0, before = null;
  for (const [phase, label, length] of history.spans) {
    // Many networks trained one after the other share a phase; only its first start is named.
    breaks.push([epoch, phase === before ? "" : PHASES.get(phase) || phase || label]);
    [epoch, before] = [epoch + length, phase];
  }
  const columns = history.columns;
  const measured = (kind) => DATA.metrics.filter((metric) => columns[`${kind}/${metric}`]);
  const shares = (whole, metrics) => metrics.map((metric) => {
    const unit = at(`${whole}/${metric}`, run);
    return [costName(metric), columns[`cost/${metric}`].map((v) => (v === null ? null : v / unit))];
  });
  const limited = measured("cost").filter((metric) => at(`target/${metric}`, run));
  const others = measured("cost").filter((metric) => !limited.includes(metric) && at(`reference/${metric}`, run));
  const score = words(RUNS.selection_name[run]) || "score";
  return make("div", { class: "charts" }, ...[
    lineChart("Cost in the search / target", shares("target", limited), breaks, 1),
    lineChart(`Validation ${score}`, columns.score ? [["score", columns.score]] : [], breaks, null),
    lineChart("Training loss", columns.loss ? [["loss", columns.loss]] : [], breaks, null),
    lineChart("Costs without a target / the reference network's", shares("reference", others), breaks, null),
    lineChart("Penalty strengths", measured("strength").map((m) => [costName(m), columns[`strength/${m}`]]), breaks, null),
  ].filter(Boolean));
}
