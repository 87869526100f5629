import dataclasses
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import BUDGETS, board, make_failure, make_record, make_records, write_plan
from synthetic_files import deployed

from suite import SuiteError
from suite.records.claims import claimed
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.build import build_report
from suite.report.grouping import report_frame
from suite.report.page.overview import headline_numbers
from suite.report.page.page import render_page
from suite.report.page.page_tables import ROWS_IN_HTML, PageTable
from suite.report.tables.absent_runs import absent_runs_table
from suite.report.tables.published_numbers import load_published_numbers

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
RECORDS = make_records(seeds=1, budgets=BUDGETS[:1])
REBUILD = """
import sys
from pathlib import Path
from suite.report.build import build_report
from suite.records.claims import claimed
from suite.records.store import Store
build_report(Store(Path(sys.argv[1]), "example"))
"""


def page_of(records: list[RunRecord], store: Store | None = None) -> str:
    return render_page(records, report_frame(records), [], [], store or Store(Path("no_such_folder"), "example"))


def data_of(page: str) -> dict[str, Any]:
    """What the page's script is given."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def fill(root: Path, records: list[RunRecord]) -> Store:
    store = Store(root, "example")
    for record in records:
        store.write(record)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(fill(tmp_path_factory.mktemp("results"), RECORDS))


def test_report_is_a_page_with_tables_and_figures(report: Path) -> None:
    assert report.parts[-3:] == ("example", "report", "index.html")
    files = set(contents(report.parent))
    tables = {f"tables/{name}.{kind}" for name in ("main", "cost", "failures") for kind in ("csv", "md", "tex")}
    setting = "digits_paper_nucleo_l4r5zi"
    figures = {f"figures/{n}_{setting}.{kind}" for n in ("forest", "score") for kind in ("png", "pdf")}
    assert {"index.html", "tables/runs.csv"} | tables | figures <= files


def test_page_loads_nothing_and_names_only_files_of_the_experiment(report: Path) -> None:
    page = report.read_text()
    loaded = re.findall(r"""(?:src=|action=|data=|url\(|@import)\s*["']?([^"'\s>)]*)""", page)
    assert loaded
    assert all(address.startswith("data:image/png;base64,") for address in loaded)
    assert all(a.startswith(("#", "figures/", "tables/")) for a in re.findall(r'href="([^"]*)"', page))
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_every_file_beside_the_page_that_it_links_to_exists(report: Path) -> None:
    linked = re.findall(r'href="((?:figures|tables)/[^"]*)"', report.read_text())
    assert len(linked) >= 4
    assert all((report.parent / name).is_file() for name in linked)


def test_page_holds_every_figure_and_run(report: Path) -> None:
    page = report.read_text()
    figures = list((report.parent / "figures").glob("*.png"))
    assert page.count("data:image/png;base64,") == len(figures) >= 2
    assert all(record.id in page for record in RECORDS)


def test_rebuilding_in_another_process_gives_the_same_bytes(report: Path) -> None:
    before = contents(report.parent)
    root = report.parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", REBUILD, str(root)], check=True, env=environment)
    assert contents(report.parent) == before


def test_experiment_without_records_is_refused_and_others_are_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="none"):
        build_report(Store(tmp_path, "empty"))
    fill(tmp_path, [make_record()])
    with pytest.raises(SuiteError, match=re.escape(str(tmp_path / "empty")) + ".*: example"):
        build_report(Store(tmp_path, "empty"))


def test_texts_of_others_are_escaped(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script><b>&amp; \u2028"
    store = Store(tmp_path, "example")
    write_plan(store, "0123", method=bad, preset=bad)
    records = [make_record(), make_failure(bad, seed=1), make_record(method=f"m{bad}", data_note=bad)]
    page = page_of(records, store)
    assert bad not in page
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert page.count("</script>") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert bad in data_of(page)["columns"]["error"]


def test_failures_are_shown_with_their_whole_error() -> None:
    error = "RuntimeError: " + "x" * 500
    assert error in page_of([make_record(), make_failure(error, seed=1)])


def test_the_page_says_whose_scores_and_what_fits() -> None:
    records = [make_record(board=board()), make_record(seed=1, board=board(arena=70_000))]
    df = report_frame(records, {records[0].id: deployed(records[0].id)})
    page = render_page(records, df, [], [], Store(Path("no_such_folder"), "example"))
    assert "Scores are of float networks unless they are called int8." in page
    assert "float test accuracy [95%]" in page
    assert "int8 test accuracy [95%]" in page
    assert "fits the budget, not the board (RAM 70,000 of 65,536 B)" in page
    top = page[: page.index("<nav")]
    assert "<span>Runs that fit the board</span><strong>1 of 2</strong>" in top
    assert "int8 test" not in page_of(records).replace("`int8 test", "")


def test_the_page_says_that_a_board_is_unknown() -> None:
    page = page_of([make_record()])
    assert "<span>Runs that fit the board</span><strong>unknown</strong>" in page
    assert "fits the budget; memory of the board unknown" in page


def test_the_page_names_why_a_latency_is_extrapolated() -> None:
    page = page_of([make_record(extrapolated=("too few MACs",))])
    assert "Extrapolated, outside what the device&#39;s latency model was fitted on: too few MACs" in page
    assert data_of(page)["columns"]["extrapolated"] == {"all": "too few MACs"}
    assert "Extrapolated" not in page_of([make_record()])


def test_energy_is_said_to_be_no_measurement() -> None:
    page = page_of([make_record()])
    assert "Energy is the board&#39;s power x latency, not measured." in page
    assert data_of(page)["metric_labels"]["energy"] == "energy (power x latency)"


def test_failures_alone_make_a_page() -> None:
    page = page_of([make_failure()])
    assert "No run has finished." in page
    assert "<strong>0 of 1</strong><small>1 failed</small>" in page


def test_page_says_what_was_compared_and_on_what_data() -> None:
    page = page_of([make_record(benchmark="visual_wake_words", seed=s) for s in (0, 10, 2)])
    assert "Data of visual_wake_words" in page
    assert "(lossy)" in page
    assert "<dt>Seeds</dt><dd>0, 2, 10</dd>" in page
    assert "duccio</strong> 3 of 3" in page


def test_validation_is_labelled_by_what_it_measures() -> None:
    plain = page_of([make_record()])
    assert "validation accuracy" in plain
    assert "are chosen by" not in plain
    detection = make_record(
        benchmark="anomaly_detection",
        score_name="auc",
        selection_name="negative_error",
        scores={"test": 0.86, "validation": -12.5},
    )
    alone = page_of([detection])
    assert "validation negative error" in alone
    assert "-12.5000" in alone
    assert "anomaly_detection are chosen by negative error on validation data, not by AUC" in alone
    mixed = page_of([make_record(), detection])
    assert "validation by" in mixed
    assert '<td class="word">negative error</td>' in mixed


def test_validation_of_an_older_record_has_no_name() -> None:
    page = page_of([make_record(selection_name="")])
    assert ">validation</button>" in page


def test_fitting_runs_are_counted_for_each_preset() -> None:
    page = page_of([make_record(preset=p, seed=s) for p, s in (("paper", 0), ("paper", 1), ("smoke", 0))])
    assert "duccio (preset paper)</strong> 2 of 2" in page
    assert "duccio (preset smoke)</strong> 1 of 1" in page


def test_other_test_scores_are_shown_where_there_are_any() -> None:
    assert "Other test scores" not in page_of([make_record()])
    page = page_of([make_record(scores={"test": 0.9, "test/balanced_accuracy": 0.8123})])
    assert "Other test scores" in page
    assert "balanced accuracy [95%]" in page
    assert "0.812" in page


def test_quality_target_is_explained_where_there_is_one() -> None:
    assert "MLPerf" not in page_of([make_record()])
    page = page_of([make_record(quality_target=0.85)])
    assert "yes (0.85)" in page
    assert "MLPerf Tiny&#39;s target is for the benchmark" in page


def test_page_with_published_numbers_and_further_scores_does_not_depend_on_the_order_of_records() -> None:
    records = [
        make_record(benchmark=b, seed=s, quality_target=0.85, scores={"test": 0.8 + s / 100, "test/pauc": 0.7})
        for b in ("image_classification", "keyword_spotting")
        for s in (0, 1)
    ]
    store, published = Store(Path("no_such_folder"), "example"), load_published_numbers(PUBLISHED)
    pages = [render_page(part, report_frame(part), [], published, store) for part in (records, records[::-1])]
    assert pages[0] == pages[1]
    assert 'id="published"' in pages[0]
    assert 'id="scores"' in pages[0]


def test_tables_without_rows_are_left_out(report: Path) -> None:
    assert not {"tables/scores.csv", "tables/published.csv"} & set(contents(report.parent))


def test_page_holds_no_time_stamp() -> None:
    assert page_of([make_record()]) == page_of([make_record(finished="2031-01-01T00:00:00Z")])


def test_page_can_be_used_by_keyboard() -> None:
    page = page_of(make_records(seeds=1))
    assert '<html lang="en">' in page
    assert '<meta name="viewport"' in page
    tables = page.count("<table>")
    assert page.count('class="scroll" role="region" tabindex="0" aria-label=') == tables >= 4
    assert page.count('<button type="button">') > page.count('<th scope="rowgroup"') > 0


def test_every_number_of_the_headline_is_at_the_top() -> None:
    page = page_of([make_record(), make_record(method="hand_tuned", feasible=False), make_failure(seed=1)])
    top = page[: page.index("<nav")]
    assert "<strong>2 of 3</strong><small>1 failed</small>" in top
    assert "<strong>1 of 2</strong>" in top


def test_the_verdict_on_a_candidate_is_a_headline_number_and_nothing_else_is() -> None:
    row = {"benchmark": "digits", "preset": "paper", "device": "gap8", "method": "duccio", "budget": "weights 25%"}
    candidate = row | {"verdict": "undecided", "reduction_percent/weights": 76.04, "reduction_percent/ram": math.nan}
    candidate |= {"difference": -0.002, "low": -0.012, "high": 0.008, "half_width": 0.01, "pairs": 5}
    candidate["reduction_percent/latency"] = -3.0
    exploratory = row | {"benchmark": "words", "verdict": "exploratory, not named beforehand"}
    nothing = pd.DataFrame({"status": []})
    found = headline_numbers(report_frame([make_record()]), nothing, pd.DataFrame([candidate, exploratory]))
    assert found[-2].value == "undecided"
    assert found[-2].heading == "duccio, weights 25%: digits, paper, gap8"
    changes, bounds = "weights \u221276.0 %, latency +3.0 %", "bounds -1.20 and +0.80, half-width 1.00"
    assert found[-2].note == f"{changes}; score -0.20 points, 5 seeds; {bounds}"
    assert (found[-1].heading, found[-1].value) == ("Headline: words, paper, gap8", "no candidate named")


def test_a_candidate_without_a_bound_or_a_run_says_why_on_its_card() -> None:
    row = {"benchmark": "digits", "preset": "paper", "device": "gap8", "method": "duccio", "budget": "weights 25%"}
    single = row | {"verdict": "tabled, 1 seed", "difference": 0.01, "pairs": 1, "why": "there is a single seed"}
    absent = row | {"verdict": "not yet run", "why": "no run of it has finished"}
    table = pd.DataFrame([single, absent], columns=[*single, "low", "high", "half_width"])
    found = headline_numbers(report_frame([make_record()]), pd.DataFrame({"status": []}), table)
    assert found[-2].note == "score +1.00 points, 1 seed; no bound: there is a single seed"
    assert (found[-1].value, found[-1].note) == ("not yet run", "no run of it has finished")


def test_no_sentence_below_the_results_is_there_twice() -> None:
    page = page_of([make_record(seed=seed, quality_target=0.85) for seed in range(3)])
    notes = re.findall(r"<li>(.*?)</li>", page[page.index('id="results"') : page.index('id="scatter"')])
    sentences = [sentence.strip(". ") for note in notes for sentence in re.split(r"[.:] ", note)]
    assert len(sentences) == len(set(sentences)) > 10
    assert sum("Student" in note for note in notes) == sum("standard training" in note for note in notes) == 1


def test_a_headline_that_nobody_named_claims_nothing() -> None:
    records = [make_record(method=m, seed=s) for m in ("duccio", "hand_tuned") for s in range(3)]
    records = [dataclasses.replace(r, feasible=True, scores={"test": 0.9}) for r in records]
    page = page_of(records)
    part = page[page.index('id="headline"') : page.index('id="results"')]
    assert "the largest reductions are listed, and claim nothing" in part
    assert "Refuted" not in part
    assert "5 % over the number of rows compared" in part
    named = page_of([dataclasses.replace(r, headline={"candidate": "duccio"}) for r in records])
    part = named[named.index('id="headline"') : named.index('id="results"')]
    assert "claim nothing" not in part
    assert "Refuted" in part


def test_runs_without_a_usable_record_are_listed_with_the_reason(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_record()])
    for name in ("missing", "torn"):
        write_plan(store, name, method=f"method_{name}")
    (store.run_folder("torn") / "record.json").write_text('{"schema": 1, "id"')
    page = page_of(store.records(), store)
    assert "<strong>1 of 3</strong><small>1 missing, 1 unreadable</small>" in page
    part = page[page.index('id="absent"') : page.index('id="runs"')]
    assert "digits | method_missing | weights 25% | seed 0" in part
    assert "torn, or no JSON" in part


def test_a_process_at_a_run_without_record_is_seen(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_record()])
    write_plan(store, "busy")
    with claimed(store.run_folder("busy")):
        assert absent_runs_table(store, {make_record().id})["status"].tolist() == ["running"]


def test_an_experiment_that_is_complete_lists_nothing_as_absent(tmp_path: Path) -> None:
    assert 'id="absent"' not in page_of([make_record()], fill(tmp_path, [make_record()]))


def test_tables_beyond_the_first_rows_keep_all_of_them_for_the_script() -> None:
    table = pd.DataFrame({"preset": ["a"] * 150 + ["b"] * 150, "n": range(300)})
    shown = PageTable.from_frame("main", table, ("preset",))
    beyond = json.loads(str(shown.remaining_rows))
    assert [len(rows) for _, rows in shown.groups] == [150, ROWS_IN_HTML - 150]
    assert [(title, len(rows)) for title, rows in beyond] == [("b", 300 - ROWS_IN_HTML)]
    assert shown.groups[-1][1][-1] == [str(ROWS_IN_HTML - 1)]
    assert beyond[0][1][0] == [str(ROWS_IN_HTML)]
    assert PageTable.from_frame("main", table.head(ROWS_IN_HTML)).remaining_rows is None


def test_columns_are_set_by_what_they_hold() -> None:
    text = "a sentence of more than thirty-two letters"
    table = pd.DataFrame({"score": ["0.9 [0.8, 1.0]", "\u2013"], "fits": ["yes", "no"], "told": [text, ""]})
    assert [kind for _, kind in PageTable.from_frame("x", table).columns] == ["number", "word", "text"]
