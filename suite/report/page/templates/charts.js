const LINES = ["#0072B2", "#D55E00", "#009E73", "#882255", "#7F7F7F", "#000000"];
const STROKES = ["", "6 3", "2 3", "8 3 2 3", "1 2", "10 4"];

/** A small line chart over the epochs of a run. `series`: name and values, null where nothing was measured;
 *  `breaks`: where a phase starts, with its name; `level`: a value to draw a line at. */
function lineChart(title, series, breaks, level) {
  const width = 360, height = 180, left = 48, right = 8, top = 20, bottom = 26;
  const values = series.flatMap(([, line]) => line.filter((v) => v !== null));
  if (!values.length) return null;
  if (level !== null) values.push(level);
  const count = series[0][1].length;
  let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
  [low, high] = [low - margin, high + margin];
  const x = (i) => left + ((i + 0.5) / count) * (width - left - right);
  const y = (v) => height - bottom - ((v - low) / (high - low)) * (height - top - bottom);
  const parts = [];
  for (const v of ticks(low, high, 4)) parts.push(
    draw("line", { class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
    draw("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end", "font-size": 11 }, tick(v)));
  for (const [at, name] of breaks) {
    const edge = x(at - 0.5);
    if (at) parts.push(draw("line", { class: "grid", x1: edge, x2: edge, y1: top - 6, y2: height - bottom, stroke: "#777" }));
    if (name) parts.push(draw("text", { x: edge + 3, y: top - 6, "font-size": 10.5 }, name));
  }
  parts.push(draw("path", { class: "axis", fill: "none", d: `M${left} ${top}V${height - bottom}H${width - right}` }));
  parts.push(draw("text", { x: width - right, y: height - 8, "text-anchor": "end", "font-size": 11 }, `${count} epochs in all`));
  if (level !== null) parts.push(draw("line", { class: "limit", x1: left, x2: width - right, y1: y(level), y2: y(level) }));
  const starts = new Set(breaks.map(([at]) => at));
  series.forEach(([, line], s) => parts.push(...strokes(line, starts, s, x, y)));
  const told = series.map(([name, line]) => {
    const seen = line.filter((v) => v !== null);
    return `${name} from ${Number(seen[0].toPrecision(3))} to ${Number(seen.at(-1).toPrecision(3))}`;
  });
  const chart = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${told.join(", ")}` }, ...parts);
  return make("figure", { class: "chart" }, make("h3", {}, title), chart, series.length > 1 ? chartKeys(series) : null);
}

/** A line with gaps where nothing was measured or a phase starts; a lone value is a dot. */
function strokes(line, starts, s, x, y) {
  const parts = [], colour = LINES[s % LINES.length];
  let d = "", length = 0;
  const end = (i) => {
    if (length === 1) parts.push(draw("circle", { cx: x(i - 1), cy: y(line[i - 1]), r: 2.5, fill: colour }));
    else if (length) parts.push(draw("path", { d, fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": STROKES[s % STROKES.length] }));
    d = ""; length = 0;
  };
  line.forEach((value, i) => {
    if (value === null || starts.has(i)) end(i);
    if (value === null) return;
    d += `${length ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    length += 1;
  });
  end(line.length);
  return parts;
}

function chartKeys(series) {
  return make("ul", { class: "keys" }, ...series.map(([name], s) => make("li", {},
    draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("line", {
      x1: 1, x2: 25, y1: 5, y2: 5, stroke: LINES[s % LINES.length], "stroke-width": 2.5, "stroke-dasharray": STROKES[s % STROKES.length] })),
    ` ${name}`)));
}

/** The charts of a run's history, and its numbers as a table. */
function historyCharts(history, run) {
  const count = history.spans.reduce((sum, [, , length]) => sum + length, 0);
  const breaks = [];
  let at = 0, before = null;
  for (const [phase, label, length] of history.spans) {
    // Many networks trained one after the other share a phase; only its first start is named.
    breaks.push([at, phase === before ? "" : PHASES.get(phase) || phase || label]);
    [at, before] = [at + length, phase];
  }
  const columns = history.columns, rank = (name) => DATA.metrics.indexOf(name.split("/")[1]);
  const named = Object.keys(columns).sort((a, b) => rank(a) - rank(b));
  const against = [], plain = [], strengths = [];
  for (const name of named) {
    const [kind, metric] = name.split("/");
    const target = kind === "cost" ? (RUNS[`target/${metric}`] || [])[run] ?? null : null;
    if (kind === "strength") strengths.push([metricLabel(metric), columns[name]]);
    else if (target !== null) against.push([metricLabel(metric), columns[name].map((v) => (v === null ? null : v / target))]);
    else if (kind === "cost" && RUNS[`reference/${metric}`]?.[run]) plain.push([metricLabel(metric), columns[name].map((v) => (v === null ? null : v / RUNS[`reference/${metric}`][run]))]);
  }
  const score = words(RUNS.selection_name[run]);
  const charts = [
    columns.loss && lineChart("Training loss", [["loss", columns.loss]], breaks, null),
    columns.score && lineChart(`Validation ${score || "score"}`, [["score", columns.score]], breaks, null),
    against.length && lineChart("Cost in the search / target", against, breaks, 1),
    plain.length && lineChart("Costs without a target / the reference network's", plain, breaks, null),
    strengths.length && lineChart("Penalty strengths", strengths, breaks, null),
  ].filter(Boolean);
  return [make("div", { class: "charts" }, ...charts), historyTable(history, named, count)];
}

function historyTable(history, named, count) {
  const box = make("details", {}, make("summary", {}, `The numbers of ${count} epochs`));
  box.addEventListener("toggle", () => {
    if (!box.open || box.children.length > 1) return;
    const head = ["phase", "network", "epoch", ...named];
    const rows = [];
    let at = 0;
    for (const [phase, label, length] of history.spans) for (let i = 0; i < length; i += 1, at += 1) {
      rows.push([PHASES.get(phase) || phase, label, String(i + 1), ...named.map((n) => (history.columns[n][at] === null ? DASH : String(history.columns[n][at])))]);
    }
    box.append(plainTable("History", head, rows, ["phase", "network"]));
  });
  return box;
}
