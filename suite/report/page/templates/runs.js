function plainTable(label, head, rows, textual) {
  const kind = (column) => (textual.includes(head[column]) ? "word" : "number");
  const body = rows.map((cells) => make("tr", {}, ...cells.map((c, i) => make("td", { class: kind(i) }, c))));
  return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, make("table", {},
    make("caption", { class: "hidden" }, label),
    make("thead", {}, make("tr", {}, ...head.map((h, i) => make("th", { scope: "col", class: kind(i) }, h)))),
    make("tbody", {}, ...body)));
}
function pairs(entries) {
  return make("dl", { class: "facts" }, ...entries.flatMap(([heading, content]) => [make("dt", {}, heading), make("dd", {}, content)]));
}
function folded(summary, ...content) { return make("details", {}, make("summary", {}, summary), ...content); }
function section(title, ...content) { return content.some(Boolean) ? [make("h2", {}, title), ...content.filter(Boolean)] : []; }
function settingsAt(columns, i, differing) {
  return Object.entries(columns).filter(([, c]) => !differing || !("all" in c))
    .map(([name, c]) => [name, "all" in c ? c.all : Array.isArray(c) ? c[i] : c.of[c.at[i]]]).filter(([, value]) => value !== null);
}

function costTable(i) {
  const rows = DATA.metrics.filter((m) => RUNS[`cost/${m}`][i] !== null || RUNS[`reference/${m}`][i] !== null).map((metric) => {
    const at = (prefix) => (RUNS[`${prefix}/${metric}`] || [])[i] ?? null;
    const [cost, reference, target, unit] = [at("cost"), at("reference"), at("target"), RUNS[`unit/${metric}`][i] || ""];
    const share = (whole) => (cost === null || !whole ? DASH : `${percent((100 * cost) / whole)} %`);
    const over = at("violation");
    const verdict = target === null || over === null ? DASH : over > 0 ? `over by ${percent(100 * over)} %` : "within";
    return [costName(i, metric), quantity(cost, unit), quantity(reference, unit), share(reference), quantity(target, unit), share(target), verdict];
  });
  if (!rows.length) return null;
  const table = plainTable("Costs against targets", ["metric", "network", "reference network", "of reference", "target", "of target", "verdict"], rows, ["metric", "verdict"]);
  for (const td of table.querySelectorAll("td:last-child")) if (td.textContent !== DASH) td.classList.add(td.textContent === "within" ? "fits" : "over");
  return table;
}

/** What the network needs of the board and what the board has; what an interpreter measured, where the run was deployed. */
function boardTable(i) {
  const at = (name) => (RUNS[name] || [])[i] ?? null;
  if (at("board/arena") === null && at("int8/arena") === null) return null;
  const limit = (name) => (at(name) === null ? "unknown" : bytes(at(name))), known = (name) => (at(name) === null ? DASH : bytes(at(name)));
  const rows = [["RAM: activations (head)", known("cost/ram"), known("int8/ram"), DASH], ["RAM: whole arena", known("board/arena"), known("int8/arena"), limit("board/ram_limit")],
    ["flash: network's file", known("board/flash"), known("int8/flash"), limit("board/flash_limit")]];
  return plainTable("Board", ["memory", "predicted", "measured (64-bit host)", "board has"], rows, ["memory"]);
}

function effortTable(i) {
  const at = (name) => (RUNS[name] || [])[i] ?? null;
  if (at("trainings") === null) return null;
  const parts = Array.from(PHASES, ([phase, name]) => [name, at(`trainings/${phase}`)]);
  const rows = [...parts, ["sum, in full", at("trainings")], ["sum, shared work divided", at("trainings_amortised")]];
  const resources = [["wall time", at("wall_s") === null ? DASH : `${fixed(at("wall_s"), 1)} s`], ["processor time", at("cpu_s") === null ? DASH : `${fixed(at("cpu_s"), 1)} s`],
    ["networks trained", String(at("networks") ?? DASH)]];
  const table = plainTable("Search cost", ["part", "standard trainings"], rows.map(([n, v]) => [n, fixed(v, 3)]), ["part"]);
  table.classList.add("narrow");
  return make("div", {}, table, pairs(resources));
}

function candidateTable(candidates) {
  const metrics = DATA.metrics.filter((m) => candidates.some((c) => c.costs[m] !== undefined));
  const units = (m) => RUNS[`unit/${m}`].find(Boolean) || "";
  const rows = candidates.map((c) => [c.name, fixed(c.validation, 4), c.feasible ? "yes" : "no", ...metrics.map((m) => quantity(c.costs[m] ?? null, units(m)))]);
  return plainTable("Candidates", ["name", "validation", "fits budget", ...metrics.map(metricLabel)], rows, ["name"]);
}

/** One line a layer: a bar as long as its width, in an outline as long as the reference network's; the last width is the task's. */
function layerTable(layers) {
  const widest = layers.slice(0, -1).reduce((most, layer) => Math.max(most, layer.out, layer.reference ?? 0), 1);
  const rows = layers.map((layer, at) => {
    const share = (v) => `${(100 * v) / widest}%`;
    const outline = layer.reference === null ? null : draw("rect", { x: 0, y: 1, width: share(layer.reference), height: 16, fill: "none", stroke: "#777", "stroke-dasharray": "3 2" });
    const bar = at === layers.length - 1 ? "" : draw("svg", { "aria-hidden": "true" }, draw("rect", { x: 0, y: 3, width: share(layer.out), height: 12, fill: layer.kind === "depthwise" ? "#56B4E9" : "#0072B2" }), outline);
    const size = layer.size.join("\u00d7"), kernel = layer.kernel.join("\u00d7");
    const what = layer.kind === "linear" ? "linear" : `${layer.kind} ${kernel}` + (layer.stride.some((s) => s > 1) ? `, stride ${layer.stride.join("\u00d7")}` : "");
    const width = String(layer.out) + (layer.reference === null ? "" : ` of ${layer.reference}`);
    return make("tr", {}, make("td", { class: "word" }, layer.name), make("td", { class: "word" }, what), make("td", { class: "number" }, size),
      make("td", { class: "number" }, width), make("td", { class: "bar" }, bar));
  });
  const head = [["layer", "word"], ["kind", "word"], ["output", "number"], ["width", "number"], ["width beside the reference's", "word bar"]];
  return make("div", { class: "scroll layers", role: "region", tabindex: "0", "aria-label": "Layers" }, make("table", {},
    make("caption", { class: "hidden" }, "Layers of the network"),
    make("thead", {}, make("tr", {}, ...head.map(([h, kind]) => make("th", { scope: "col", class: kind }, h)))), make("tbody", {}, ...rows)));
}
function architecture(detail) {
  const parts = [];
  if (detail.choices) parts.push(make("p", {}, "Chosen branches, out of those of the supernet:"), pairs(Object.entries(detail.choices)));
  parts.push(make("p", { class: "soft" }, `Input ${detail.input.join("\u00d7")}. Widths are output channels. Dashed outlines: the reference network's width, where it is known which of its widths the layer has.`));
  return [...parts, layerTable(detail.layers)];
}

function siblings(i) {
  const same = ["benchmark", "preset", "device", "budget", "method"].map((name) => [RUNS[name], RUNS[name][i]]);
  const others = RUNS.id.map((_, j) => j).filter((j) => j !== i && same.every(([column, value]) => column[j] === value)).slice(0, 20);
  if (!others.length) return null;
  return make("p", {}, "The same with other seeds: ", ...others.flatMap((j, at) => [at ? ", " : "", make("a", { href: `#run=${RUNS.id[j]}` }, `seed ${RUNS.seed[j]}`)]));
}

function runPage(i) {
  const id = RUNS.id[i], done = RUNS.status[i] === "done", detail = DATA.details[i] || null;
  const folder = `../runs/${id}/`;
  const file = (name) => make("a", { href: folder + name }, name);
  const score = words(RUNS.score_name[i]);
  const facts = [["benchmark", RUNS.benchmark[i]], ["preset", RUNS.preset[i]], ["target device", RUNS.device[i]], ["budget", RUNS.budget[i]], ["seed", String(RUNS.seed[i])],
    ["status", RUNS.status[i]]];
  if (done) facts.push(["verdict", RUNS.verdict[i]], [`float test ${score}`, fixed(RUNS.score[i], 4)]);
  if (RUNS["int8/score"][i] !== null) facts.push([`int8 test ${score}`, fixed(RUNS["int8/score"][i], 4)]);
  if (done) facts.push([`validation ${words(RUNS.selection_name[i])}`, fixed(RUNS.validation_score[i], 4)]);
  for (const name of Object.keys(RUNS)) if (name.startsWith("score/") && RUNS[name][i] !== null) facts.push([`float test ${words(name.slice(6))}`, fixed(RUNS[name][i], 4)]);
  if (RUNS.extrapolated[i]) facts.push(["latency extrapolated", RUNS.extrapolated[i]]);
  if (RUNS.data_note[i]) facts.push(["data", RUNS.data_note[i]]);
  if (RUNS.selection[i]) facts.push(["chosen by", RUNS.selection[i]]);
  const environment = settingsAt(DATA.environment, i, false);
  const differing = settingsAt(DATA.config, i, true);
  const absent = make("p", { class: "soft" }, DATA.detailed < DATA.count
    ? `This page holds history and architecture of ${DATA.detailed} of ${DATA.count} runs; this run's are in its files.` : "This run left no history and no architecture.");
  return [
    make("p", {}, make("a", { href: "#runs", class: "back" }, "\u2190 Back to the report")),
    make("h1", { tabindex: "-1" }, `${RUNS.method[i]}, ${RUNS.budget[i]}, seed ${RUNS.seed[i]}`),
    make("p", { class: "soft" }, "Run ", make("code", {}, id), ". Its files, unless they lie in records.zip: ", file("record.json"), ...(done ? [", ", file("architecture.json"), ", ", file("history.parquet")] : []), "."),
    pairs(facts), siblings(i),
    ...section("Error", RUNS.error[i] ? make("pre", { class: "scroll pre", tabindex: "0" }, RUNS.error[i]) : null),
    ...section("Costs against targets", costTable(i)),
    ...section("Board", boardTable(i)),
    ...(detail || !done ? [] : [absent]),
    ...section("Architecture", ...(detail?.layers ? architecture(detail) : [])),
    ...section("RAM over the operators", ...(detail?.network ? [...memoryChart(detail.network, i), kindKeys(detail.network.operators)] : [])),
    ...section("Flash and latency by operator", detail?.network ? operatorTable(detail.network, i) : null),
    ...section("History", ...(detail?.history ? historyCharts(detail.history, i) : [])),
    ...section("Missing files", detail?.trouble ? make("p", {}, detail.trouble) : null),
    ...section("Candidates", detail?.candidates ? candidateTable(detail.candidates) : null),
    ...section("Search cost", effortTable(i)),
    ...section("Configuration", differing.length ? make("p", { class: "soft" }, "What is not the same in all runs of this page:") : null, differing.length ? pairs(differing) : null,
      folded("All settings", pairs(settingsAt(DATA.config, i, false)))),
    ...section("Environment and command", environment.length ? pairs(environment) : null),
  ];
}

const report = document.getElementById("report"), runView = document.getElementById("run"), title = document.title;
let left = null;
/** Show the run that the address names, or the report. */
function route() {
  const match = /^#run=(.+)$/.exec(location.hash);
  const open = match !== null;
  if (open && !report.hidden) left = { scroll: scrollY, focus: document.activeElement };
  if (open) {
    const id = decodeURIComponent(match[1]), i = INDEX_BY_ID.get(id);
    runView.replaceChildren(...(i === undefined ? [make("p", {}, make("a", { href: "#runs" }, "\u2190 Back to the report")), make("h1", { tabindex: "-1" }, `No run ${id} in this report`)] : runPage(i).filter((part) => part !== null)));
  }
  [report.hidden, runView.hidden] = [open, !open];
  document.title = open ? `${runView.querySelector("h1").textContent} \u2013 ${title}` : title;
  if (open) { scrollTo(0, 0); runView.querySelector("h1").focus(); return; }
  runView.replaceChildren();
  // Back from a run: where the reader was, on the link that was followed.
  if (left) { scrollTo(0, left.scroll); left.focus?.focus({ preventScroll: true }); left = null; return; }
  const goal = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (goal) { goal.closest("details")?.setAttribute("open", ""); goal.scrollIntoView(); }
}
addEventListener("hashchange", route);
route();

const zoom = document.getElementById("zoom");
for (const link of document.querySelectorAll("a.zoom")) link.addEventListener("click", (event) => {
  event.preventDefault();
  const image = link.querySelector("img");
  zoom.querySelector("h2").textContent = link.dataset.title;
  zoom.querySelector(".picture").replaceChildren(make("img", { src: image.src, alt: image.alt }));
  zoom.showModal();
});
zoom.querySelector("button").addEventListener("click", () => zoom.close());
zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });
zoom.addEventListener("close", () => zoom.querySelector(".picture").replaceChildren());
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
