"""The page in a real browser: what its script does, with a mouse, by keyboard and on a phone's width."""

import json
from pathlib import Path
from typing import cast

import pytest
from browser import Browser
from synthetic import board, make_failure, make_record, make_records, write_plan
from synthetic_files import ARCHITECTURE, NETWORK_NODES, REFERENCE_WIDTHS, deployed, picture, short_history

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.page.page import render_page

BAD = "</script><img src=x onerror=alert(1)> <b>&amp;"
REASON = "31,000 MACs, below 0.2 M"
FIRST = make_record(reference_widths=REFERENCE_WIDTHS, board=board(), extrapolated=(REASON,))


def write_page(folder: Path, records: list[RunRecord]) -> Path:
    """A page with histories, architectures, a figure and a missing run, beside its runs."""
    store = Store(folder, "example")
    for record in records[:8]:
        nodes = NETWORK_NODES if record is FIRST else {}
        store.write(record, encode_run_files(history=short_history(), architecture=ARCHITECTURE | nodes))
    write_plan(store, "absent", method="a_long_name_of_a_method_" * 5)
    page = store.folder / "report" / "index.html"
    page.parent.mkdir()
    df = report_frame(records, {FIRST.id: deployed(FIRST.id)})
    page.write_text(render_page(records, df, [picture()], [], store))
    return page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    error = f"RuntimeError: {BAD} " + "x" * 400
    records = [
        FIRST,
        *make_records(seeds=3)[1:],
        make_failure(error, seed=7),
        make_record(method=f"m {BAD}", data_note=BAD),
    ]
    return write_page(tmp_path_factory.mktemp("results"), records)


def column(browser: Browser, place: int) -> list[str]:
    """The texts of a column of the table of all runs."""
    cells = f"{RUNS}.querySelectorAll('tbody tr:not([hidden]) td:nth-child({place})')"
    return cast(list[str], browser.run(f"Array.from({cells}, c => c.textContent)"))


def write_filter(browser: Browser, text: str) -> None:
    """Filter the table of all runs."""
    change = f"field.value = {json.dumps(text)}; field.dispatchEvent(new Event('input'))"
    browser.run(f"(() => {{ const field = {RUNS}.querySelector('input'); {change} }})()")


def settle(browser: Browser) -> None:
    """Let events that are on their way arrive."""
    browser.run("new Promise(done => setTimeout(done, 50))")


RUNS = "document.querySelector('#runs + details')"
SEED = 4  # column of the seed, after id, budget and method


def test_a_press_on_a_heading_sorts_up_and_again_down(browser: Browser, page: Path) -> None:
    browser.open(page)
    head = f"{RUNS}.querySelectorAll('th')[{SEED - 1}]"
    assert browser.run(f"{head}.textContent") == "seed"
    assert browser.run(f"{head}.getAttribute('aria-sort')") == "none"
    for order, reverse in (("ascending", False), ("descending", True)):
        browser.run(f"{head}.querySelector('button').click()")
        assert browser.run(f"{head}.getAttribute('aria-sort')") == order
        seeds = [int(text) for text in column(browser, SEED)]
        assert seeds == sorted(seeds, reverse=reverse)
        assert len(set(seeds)) > 1


def test_a_filter_leaves_the_rows_with_all_its_words(browser: Browser, page: Path) -> None:
    browser.open(page)
    every = len(column(browser, SEED))
    write_filter(browser, "DUCCIO 25%")
    assert set(column(browser, 3)) == {"duccio"}
    told = browser.run(f"{RUNS}.querySelector('output').textContent")
    assert told == f"{len(column(browser, SEED))} of {every} rows"
    assert 0 < len(column(browser, SEED)) < every
    write_filter(browser, "")
    assert len(column(browser, SEED)) == every


def test_a_run_opens_from_its_id_and_back_leads_to_the_report(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(f"{RUNS}.querySelector('td a').focus()")
    browser.press("Enter")
    settle(browser)
    identity = browser.run("location.hash.slice(5)")
    assert browser.run("document.getElementById('report').hidden")
    assert browser.run("document.activeElement.tagName") == "H1"
    assert identity in browser.run("document.getElementById('run').textContent")
    browser.run("history.back()")
    settle(browser)
    assert browser.run("document.getElementById('run').hidden && !document.getElementById('report').hidden")
    assert browser.run("document.activeElement.textContent") == identity


def headings(browser: Browser) -> list[str]:
    """The sections of the run's page."""
    return cast(list[str], browser.run("Array.from(document.querySelectorAll('#run h2'), h => h.textContent)"))


def test_a_run_page_shows_costs_layers_history_and_settings(browser: Browser, page: Path) -> None:
    browser.open(page, f"#run={FIRST.id}")
    expected = ["Costs against the limits", "Architecture", "History", "Search cost", "Settings"]
    assert [name for name in headings(browser) if name in expected] == expected
    assert "7 of 16" in browser.run("document.getElementById('run').textContent")
    costs, limits = FIRST.costs["weights"], FIRST.targets["weights"]
    row = browser.run("Array.from(document.querySelector('#run tbody tr').cells, cell => cell.textContent)")
    assert row[2] == f"{100 * costs / limits:.1f} %, {'within' if costs <= limits else 'over'}"
    assert row[5] == f"{100 * costs / FIRST.reference_costs['weights']:.1f} %"
    assert browser.run("document.querySelectorAll('#run .charts figure').length") == 2
    labels = browser.run("Array.from(document.querySelectorAll('#run .charts svg'), s => s.getAttribute('aria-label'))")
    assert any(label.startswith("Training loss: loss from 2 to 0.5") for label in labels)


def test_a_run_page_says_what_fits_whose_score_it_is_and_what_is_extrapolated(browser: Browser, page: Path) -> None:
    browser.open(page, f"#run={FIRST.id}")
    assert browser.run("document.querySelector('#run .verdict').textContent") == "fits"
    cards = browser.run("document.querySelector('#run .cards').textContent")
    assert f"float test accuracy{FIRST.scores['test']:.4f}int8 test accuracy0.8750" in cards
    assert f"latency extrapolated{REASON}" in browser.run("document.querySelector('#run .facts').textContent")
    metrics = browser.run("Array.from(document.querySelectorAll('#run table td:first-child'), c => c.textContent)")
    assert {"latency (extrapolated)", "energy (power x latency) (extrapolated)", "flash", "ram"} <= set(metrics)
    board_rows = "Array.from(document.querySelectorAll('[aria-label=Board] tbody tr'), r => r.textContent)"
    assert browser.run(board_rows)[1] == "RAM: whole arena60,000 B4,912 B65,536 B"
    assert "null" not in browser.run("document.getElementById('run').innerText")


def test_a_run_page_shows_buffers_over_operators_with_the_peak(browser: Browser, page: Path) -> None:
    browser.open(page, f"#run={FIRST.id}")
    chart = "document.querySelector('#run [aria-label=\"RAM over the operators\"] svg')"
    assert browser.run(f"{chart}.querySelectorAll('rect').length") == len(NETWORK_NODES["memory"])
    texts = browser.run(f"Array.from({chart}.querySelectorAll('text'), t => t.textContent)")
    assert [text for text in texts if text in ("input", "stem", "pool", "fc")] == ["input", "stem", "pool", "fc"]
    assert "peak 512 B" in texts
    assert "the board leaves 6,048 B" in browser.run("document.getElementById('run').textContent")
    stem = f"Array.from({chart}.querySelectorAll('rect')).find(r => r.textContent.startsWith('stem'))"
    first = f"Array.from({chart}.querySelectorAll('rect')).find(r => r.textContent.startsWith('fc'))"
    assert browser.run(f"{stem}.querySelector('title').textContent") == "stem: 448 B at 0 B"
    width = "Number({}.getAttribute('width'))"
    assert browser.run(width.format(stem)) == pytest.approx(2 * browser.run(width.format(first)))


def test_a_run_page_shows_flash_and_latency_by_operator(browser: Browser, page: Path) -> None:
    browser.open(page, f"#run={FIRST.id}")
    rows = browser.run(
        "Array.from(document.querySelectorAll('#run [aria-label=Operators] tbody tr'), r => r.textContent)"
    )
    assert len(rows) == len(NETWORK_NODES["operators"])
    assert rows[1] == "stem500 B of 800 B1 ms of 3 msconv"


def test_a_run_without_a_memory_plan_has_a_page_without_it(browser: Browser, page: Path) -> None:
    other = make_records(seeds=3)[1].id
    browser.open(page, f"#run={other}")
    assert "Architecture" in headings(browser)
    assert not {"RAM over the operators", "Flash and latency by operator"} & set(headings(browser))


def test_an_unknown_run_says_so(browser: Browser, page: Path) -> None:
    browser.open(page, "#run=nothing")
    assert browser.run("document.querySelector('#run h1').textContent") == "No run nothing in this report"


def test_texts_of_others_stay_texts(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run("document.querySelectorAll('b, img:not(figure img)').length") == 0
    for row in (f"m {BAD}", "failed"):
        where = "method" if row.startswith("m") else "status"
        browser.run(f"location.hash = 'run=' + RUNS.id[RUNS.{where}.indexOf({json.dumps(row)})]")
        settle(browser)
        assert BAD in browser.run("document.getElementById('run').textContent")
        assert browser.run("document.querySelectorAll('#run b, #run img').length") == 0


def test_the_plot_is_used_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    told = "document.querySelector('#scatter .told').textContent"
    assert browser.run("document.querySelectorAll('#scatter .plot a[tabindex=\"0\"]').length") == 1
    browser.run("document.querySelector('#scatter .plot a').focus()")
    first = browser.run(told)
    browser.press("ArrowRight")
    second = browser.run(told)
    assert "% of the target" in first
    assert first != second
    browser.press("Enter")
    settle(browser)
    assert not browser.run("document.getElementById('run').hidden")


def test_the_plot_has_the_target_of_a_single_budget_alone(browser: Browser, page: Path) -> None:
    browser.open(page)
    limits = "document.querySelectorAll('#scatter .limit').length"
    assert browser.run(limits) == 0
    change = "list.selectedIndex = 1; list.dispatchEvent(new Event('change'))"
    browser.run(f"(() => {{ const list = document.querySelectorAll('#scatter select')[1]; {change} }})()")
    assert browser.run(limits) == 1


def test_a_run_that_exceeds_the_board_is_hollow_though_it_fits_its_budget(browser: Browser, tmp_path: Path) -> None:
    fills = "Array.from(document.querySelectorAll('#scatter .plot a path'), (x) => x.getAttribute('fill'))"
    for node, hollow in (({}, False), (board(), False), (board(arena=90_112), True)):
        browser.open(write_page(tmp_path / str(len(list(tmp_path.iterdir()))), [make_record(board=node)]))
        assert (set(browser.run(fills)) == {"none"}) == hollow


def test_the_plot_shows_one_method_less_when_its_button_is_off(browser: Browser, page: Path) -> None:
    browser.open(page)
    count = "document.querySelectorAll('#scatter .plot a').length"
    before = browser.run(count)
    browser.run("document.querySelector('#scatter .legend button').click()")
    assert 0 < browser.run(count) < before
    assert browser.run("document.querySelector('#scatter .legend button').getAttribute('aria-pressed')") == "false"


@pytest.mark.parametrize("fragment", ["", f"#run={FIRST.id}", f"#run={make_failure(seed=7).id}"])
def test_nothing_is_wider_than_the_smallest_window(browser: Browser, page: Path, fragment: str) -> None:
    browser.open(page, fragment, width=320)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    settle(browser)
    assert browser.run("document.documentElement.scrollWidth") == 320


def test_printed_tables_have_room_and_controls_are_left_out(browser: Browser, page: Path) -> None:
    width = 1032  # A4 across, less its margins, in CSS pixels
    browser.open(page, width=width, media="print", dark=True)
    assert browser.run("document.documentElement.scrollWidth") == width
    wide = "Array.from(document.querySelectorAll('.scroll')).filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert browser.run(wide) == 0
    # a heading that is a control is not repeated on the next sheet: its text stays, the control does not
    headings = "Array.from(document.querySelectorAll('thead th'), h => h.innerText.trim())"
    assert browser.run(f"{headings}.every(Boolean)") is True
    assert (
        browser.run("Array.from(document.querySelectorAll('th button'), b => b.getClientRects().length > 0)[0]")
        is False
    )
    assert browser.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert browser.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_the_page_is_dark_where_the_reader_wants_it(browser: Browser, page: Path) -> None:
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + Number(b), 0)"
    browser.open(page)
    light = browser.run(lightness)
    browser.open(page, dark=True)
    assert browser.run(lightness) < 200 < 600 < light


def test_every_control_can_be_reached_with_tab(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    named = "e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label') || e.querySelector('img[alt]')"
    controls = "Array.from(document.querySelectorAll('button, a, input, select'))"
    assert browser.run(f"{controls}.filter(e => !({named})).length") == 0
    assert browser.run('document.querySelectorAll(\'[tabindex]:not([tabindex="0"]):not([tabindex="-1"])\').length') == 0
