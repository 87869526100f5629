const report = document.getElementById("report"), runView = document.getElementById("run"), title = document.title;
const contents = document.querySelector("nav details"), wide = matchMedia("(min-width: 64rem)");
let left = null, before = "";

/** Show the run that the address names, or the report. */
function route() {
  const match = /^#run=(.+)$/.exec(location.hash), open = match !== null;
  if (open && !report.hidden) left = { hash: before, scroll: scrollY, focus: document.activeElement };
  before = location.hash;
  if (open) {
    const id = decodeURIComponent(match[1]), i = INDEX_BY_ID.get(id);
    const page = i === undefined ? [make("h1", { tabindex: "-1" }, `No run ${id} in this report`)] : runPage(i);
    runView.replaceChildren(make("p", {}, make("a", { href: "#runs" }, "\u2190 Back to the report")), ...page);
  }
  [report.hidden, runView.hidden] = [open, !open];
  document.title = open ? `${runView.querySelector("h1").textContent} \u2013 ${title}` : title;
  if (open) { scrollTo(0, 0); runView.querySelector("h1").focus(); return; }
  runView.replaceChildren();
  // Back from a run: where the reader was, on the link that was followed.
  if (left && ["#runs", left.hash].includes(location.hash)) {
    scrollTo(0, left.scroll);
    left.focus?.focus({ preventScroll: true });
  } else showTarget();
  left = null;
}
/** Scroll to what the address names, and open what it is folded into. */
function showTarget() {
  const goal = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  goal?.closest("details")?.setAttribute("open", "");
  (goal?.nextElementSibling?.tagName === "DETAILS" ? goal.nextElementSibling : null)?.setAttribute("open", "");
  goal?.scrollIntoView();
}

if (report) {
  addEventListener("hashchange", route);
  route();
} else {
  // The page of a single run has no report around it.
  runView.replaceChildren(...runPage(0));
  const entry = (head) => make("li", {}, make("a", { href: `#${head.id}` }, head.textContent));
  contents.querySelector("ul").append(...Array.from(runView.querySelectorAll("h2"), entry));
  showTarget();
}

/** The contents stand open beside a wide page, and fold into a line above a narrow one. */
function fold() { contents.open = wide.matches; }
wide.addEventListener("change", fold);
contents.addEventListener("click", (event) => { if (event.target.closest("a")) fold(); });
fold();
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((box) => { box.open = true; }));
