function pairs(entries) {
  const parts = entries.flatMap(([heading, content]) => [make("dt", {}, heading), make("dd", {}, content)]);
  return make("dl", { class: "facts" }, ...parts);
}
function folded(summary, entries) { return entries.length ? make("details", {}, make("summary", {}, summary), pairs(entries)) : null; }
function section(title, ...content) {
  const shown = content.filter(Boolean);
  return shown.length ? [make("h2", { id: title.toLowerCase().replaceAll(" ", "-") }, title), ...shown] : [];
}
/** Configuration or environment of a run. */
function settingsAt(columns, i) {
  return Object.entries(columns).map(([name, column]) => [name, valueAt(column, i)]).filter(([, value]) => value !== null);
}
function numbers(names) { return names.map((name) => [name, "number"]); }

function costTable(i) {
  const rows = DATA.metrics.filter((metric) => at(`cost/${metric}`, i) !== null).map((metric) => {
    const [cost, reference, target, over] = ["cost", "reference", "target", "violation"].map((name) => at(`${name}/${metric}`, i));
    const unit = at(`unit/${metric}`, i) || "", [kind, verdict] = over > 0 ? ["over", "over"] : ["fits", "within"];
    const share = target === null ? DASH : make("span", { class: kind }, `${percent(cost, target)}, ${verdict}`);
    const costs = [cost, target, reference].map((value) => quantity(value, unit));
    return [costName(metric, i), costs[0], share, costs[1], costs[2], percent(cost, reference)];
  });
  const head = [["metric", "word"], ...numbers(["network", "of limit", "limit", "reference network", "of reference"])];
  return rows.length ? plainTable("Costs against the limits", head, rows) : null;
}

/** What the network needs of the board and what the board has; what an interpreter measured, where the run was deployed. */
function boardTable(i) {
  const measured = at("int8/arena", i) !== null;
  if (at("board/arena", i) === null && !measured) return null;
  const limit = (name) => (at(name, i) === null ? "unknown" : bytes(at(name, i)));
  const rows = [
    ["RAM: activations (head)", "cost/ram", "int8/ram", DASH],
    ["RAM: whole arena", "board/arena", "int8/arena", limit("board/ram_limit")],
    ["flash: network's file", "board/flash", "int8/flash", limit("board/flash_limit")],
  ].map(([memory, predicted, found, has]) => [memory, bytes(at(predicted, i)), ...(measured ? [bytes(at(found, i))] : []), has]);
  const head = numbers(["predicted", ...(measured ? ["measured (64-bit host)"] : []), "board has"]);
  return plainTable("Board", [["memory", "word"], ...head], rows);
}

function effortTable(i) {
  if (at("trainings", i) === null) return null;
  const sums = [["sum, in full", "trainings"], ["sum, shared work divided", "trainings_amortised"]];
  const rows = [...Array.from(PHASES, ([phase, name]) => [name, `trainings/${phase}`]), ...sums];
  const seconds = (name) => (at(name, i) === null ? DASH : `${fixed(at(name, i), 1)} s`);
  const head = [["part", "word"], ["standard trainings", "number"]];
  const spent = [["wall time", seconds("wall_s")], ["processor time", seconds("cpu_s")], ["networks trained", at("networks", i) ?? DASH]];
  return make("div", {}, plainTable("Search cost", head, rows.map(([name, column]) => [name, fixed(at(column, i), 3)])), pairs(spent));
}

function candidateTable(candidates) {
  const metrics = DATA.metrics.filter((metric) => candidates.some((c) => c.costs[metric] !== undefined));
  const cost = (c, metric) => quantity(c.costs[metric] ?? null, RUNS[`unit/${metric}`].find(Boolean) || "");
  const rows = candidates.map((c) => [
    c.name, fixed(c.validation ?? null, 4), c.feasible ? "yes" : "no", ...metrics.map((metric) => cost(c, metric)),
  ]);
  const head = numbers(["validation", "fits budget", ...metrics.map((metric) => costName(metric))]);
  return plainTable("Candidates", [["name", "word"], ...head], rows);
}

function architecture({ choices, input, layers }) {
  const branches = choices ? [make("p", {}, "Chosen branches, out of those of the supernet:"), pairs(Object.entries(choices))] : [];
  const about = `Input ${input.join("\u00d7")}. Widths are output channels. Dashed outlines: the reference network's width, `
    + "where it is known which of its widths the layer has.";
  return [...branches, make("p", { class: "soft" }, about), layerTable(layers)];
}

/** The numbers that one asks for first, with what they mean. */
function cards(i) {
  const score = words(RUNS.score_name[i]), found = [[`float test ${score}`, fixed(RUNS.score[i], 4)]];
  if (at("int8/score", i) !== null) found.push([`int8 test ${score}`, fixed(RUNS["int8/score"][i], 4)]);
  for (const name of Object.keys(RUNS).filter((key) => key.startsWith("score/") && RUNS[key][i] !== null)) {
    found.push([`float test ${words(name.slice(6))}`, fixed(RUNS[name][i], 4)]);
  }
  found.push([`validation ${words(RUNS.selection_name[i])}`, fixed(RUNS.validation_score[i], 4)]);
  for (const metric of DATA.metrics.filter((name) => at(`target/${name}`, i) !== null)) {
    found.push([`of the limit on ${costName(metric, i)}`, percent(at(`cost/${metric}`, i), at(`target/${metric}`, i))]);
  }
  found.push(["cost in standard trainings", fixed(at("trainings", i), 2)]);
  const card = ([heading, value]) => make("li", {}, make("span", {}, heading), make("strong", {}, value));
  return make("ul", { class: "cards", "aria-label": "Numbers of the run" }, ...found.map(card));
}

function siblings(i) {
  const alike = (j) => ["benchmark", "preset", "device", "budget", "method"].every((name) => RUNS[name][j] === RUNS[name][i]);
  const others = ALL_RUNS.filter((j) => j !== i && alike(j)).slice(0, 20);
  const links = others.flatMap((j, k) => [k ? ", " : "", make("a", { href: `#run=${RUNS.id[j]}` }, `seed ${RUNS.seed[j]}`)]);
  return others.length ? make("p", {}, "The same with other seeds: ", ...links) : null;
}

/** Everything about a run, the answer first: does it fit, how good is it, what is the network, how was it found. */
function runPage(i) {
  const done = RUNS.status[i] === "done", detail = DATA.details[i] || {};
  const optional = [["latency extrapolated", "extrapolated"], ["data", "data_note"], ["chosen by", "selection"]];
  const facts = [...["benchmark", "preset", "device", "status"].map((name) => [name, name]), ...optional];
  const differing = Object.entries(DATA.config).filter(([, column]) => DATA.count > 1 && !("all" in column));
  return [
    make("h1", { tabindex: "-1" }, `${RUNS.method[i]}, ${RUNS.budget[i]}, seed ${RUNS.seed[i]}`),
    ...(done ? [make("p", { class: "verdict" }, RUNS.verdict[i]), cards(i)] : []),
    pairs(facts.map(([heading, name]) => [heading, RUNS[name][i]]).filter(([, text]) => text)),
    siblings(i),
    ...section("Error", RUNS.error[i] ? make("pre", { class: "scroll pre", tabindex: "0" }, RUNS.error[i]) : null),
    ...section("Costs against the limits", costTable(i)),
    ...section("Board", boardTable(i)),
    Object.keys(detail).length || !done ? null : make("p", {}, "This page has no history and no architecture of this run."),
    ...section("Architecture", ...(detail.layers ? architecture(detail) : [])),
    ...section("RAM over the operators", ...(detail.network ? memoryChart(detail.network, i) : [])),
    ...section("Flash and latency by operator", detail.network ? operatorTable(detail.network, i) : null),
    ...section("History", detail.history ? historyCharts(detail.history, i) : null),
    ...section("Files that cannot be read", detail.trouble ? make("p", {}, detail.trouble) : null),
    ...section("Candidates", detail.candidates?.length > 1 ? candidateTable(detail.candidates) : null),
    ...section("Search cost", effortTable(i)),
    ...section("Settings",
      folded("What is not the same in all runs of this page", settingsAt(Object.fromEntries(differing), i)),
      folded("All settings", settingsAt(DATA.config, i)),
      folded("Machine and command", settingsAt(DATA.environment, i)),
      make("p", { class: "soft" }, "The run's files are in ", make("code", {}, `runs/${RUNS.id[i]}/`), " or in records.zip.")),
  ].filter(Boolean);
}
