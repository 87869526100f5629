import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from page_text import data_of, fill, page_of, pair
from synthetic import BUDGETS, board, make_failure, make_record, make_records, with_chance, write_plan
from synthetic_files import deployed, picture

from suite import SuiteError
from suite.records.store import Store
from suite.report.build import Report
from suite.report.grouping import report_frame
from suite.report.page import page as page_module
from suite.report.page.blocks import PageTable, without_empty_columns
from suite.report.page.page import render_page
from suite.report.tables.published_comparison import load_published_numbers

RESULTS = Path(__file__).parents[2] / "results"
TEMPLATES = Path(page_module.__file__).parent / "templates"
RECORDS = make_records(seeds=1, budgets=BUDGETS[:1])
REBUILD = """
import sys
from pathlib import Path
from suite.report.build import Report
from suite.records.claims import claimed
from suite.records.store import Store
Report.load(Store(Path(sys.argv[1]), "example")).write()
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Report.load(fill(tmp_path_factory.mktemp("results"), RECORDS)).write()


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
    assert len(linked) >= 2
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


def test_experiment_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=re.escape(str(tmp_path / "empty")) + ": no records"):
        Report.load(Store(tmp_path, "empty"))


def test_texts_of_others_are_escaped(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script><b>&amp; \u2028"
    store = Store(tmp_path, "example")
    write_plan(store, "0123", method=bad, preset=bad)
    records = [make_record(), make_failure(bad, seed=1), make_record(method=f"m{bad}", data_note=bad)]
    page = page_of(records, store)
    assert bad not in page
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert page.count("</script>") == 2  # its data and its script
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
    assert "int8 test" not in page_of(records).replace("`int8 test", "")


def test_the_page_says_that_a_board_is_unknown() -> None:
    page = page_of(pair())
    assert "fits the budget; memory of the board unknown" in page


def test_the_page_names_why_a_latency_is_extrapolated() -> None:
    page = page_of(pair(extrapolated=("too few MACs",)))
    assert "Extrapolated, outside what the device&#39;s latency model was fitted on: too few MACs" in page
    assert data_of(page)["columns"]["extrapolated"] == {"all": "too few MACs"}
    assert "Extrapolated" not in page_of(pair())


def test_energy_is_said_to_be_no_measurement() -> None:
    page = page_of(pair())
    assert "Energy is the board&#39;s power x latency, not measured." in page
    assert data_of(page)["metric_labels"]["energy"] == "energy (power x latency)"


def test_failures_alone_make_a_page() -> None:
    page = page_of([make_failure(), make_failure(seed=1)])
    assert "No run has finished." in page
    assert "<dt>Finished runs</dt><dd>0 of 2</dd>" in page


def test_page_says_what_was_compared_and_on_what_data() -> None:
    page = page_of([make_record(benchmark="visual_wake_words", seed=s) for s in (0, 10, 2)])
    assert "Data: " in page[page.index('id="visual_wake_words"') :]
    assert "(lossy)" in page
    assert "<dt>Random seeds</dt><dd>0; 2; 10</dd>" in page
    assert "<dt>Preset</dt><dd>paper</dd>" in page


def test_validation_is_labelled_by_what_it_measures() -> None:
    plain = page_of(pair())
    assert "validation accuracy" in plain
    assert "are chosen by" not in plain
    detection = pair(
        benchmark="anomaly_detection",
        score_name="auc",
        selection_name="negative_error",
        scores={"test": 0.86, "validation": -12.5},
    )
    alone = page_of(detection)
    assert "validation negative error" in alone
    assert "-12.5000" in alone
    assert "anomaly_detection are chosen by negative error on validation data, not by AUC" in alone
    mixed = page_of([make_record(), *detection])
    assert "validation by" in mixed
    assert '<td class="word">negative error</td>' in mixed


def test_validation_of_an_older_record_has_no_name() -> None:
    page = page_of(pair(selection_name=""))
    assert ">validation</button>" in page


def test_other_test_scores_are_shown_where_there_are_any() -> None:
    assert "Other test scores" not in page_of(pair())
    page = page_of(pair(scores={"test": 0.9, "test/balanced_accuracy": 0.8123}))
    assert "Other test scores" in page
    assert "balanced accuracy [95%]" in page
    assert "0.812" in page


def test_quality_target_is_explained_where_there_is_one() -> None:
    assert "MLPerf" not in page_of(pair())
    page = page_of(pair(quality_target=0.85))
    assert "yes (0.85)" in page
    assert "MLPerf Tiny&#39;s target is for the benchmark" in page


def test_page_with_published_numbers_and_further_scores_does_not_depend_on_the_order_of_records() -> None:
    records = [
        make_record(benchmark=b, seed=s, quality_target=0.85, scores={"test": 0.8 + s / 100, "test/pauc": 0.7})
        for b in ("image_classification", "keyword_spotting")
        for s in (0, 1)
    ]
    store, published = Store(Path("no_such_folder"), "example"), load_published_numbers(RESULTS)
    pages = [render_page(part, report_frame(part), [], published, store) for part in (records, records[::-1])]
    assert pages[0] == pages[1]
    for benchmark in ("image_classification", "keyword_spotting"):
        assert f'id="{benchmark}-published"' in pages[0]
        assert f'id="{benchmark}-scores"' in pages[0]


def test_tables_without_rows_are_left_out(report: Path) -> None:
    assert not {"tables/scores.csv", "tables/published.csv"} & set(contents(report.parent))


def test_page_holds_no_time_stamp() -> None:
    assert page_of(pair()) == page_of(pair(finished="2031-01-01T00:00:00Z"))


def test_page_can_be_used_by_keyboard() -> None:
    page = page_of(make_records(seeds=1))
    assert '<html lang="en">' in page
    assert '<meta name="viewport"' in page
    tables = page.count("<table>")
    assert page.count('class="scroll" role="region" tabindex="0" aria-label=') == tables >= 4
    assert page.count('<button type="button">') > page.count('<th scope="rowgroup"') > 0


def test_each_benchmark_has_a_block_of_its_own_rows() -> None:
    records = [make_record(benchmark=b, method=f"of_{b}", seed=s) for b in ("digits", "words") for s in (0, 1)]
    page = page_of(records)
    starts = [page.index(f'<h2 id="{name}"') for name in ("digits", "words")]
    blocks = page[starts[0] : starts[1]], page[starts[1] : page.index('id="scatter"')]
    for block, own, other in zip(blocks, ("digits", "words"), ("words", "digits"), strict=True):
        assert f'id="{own}-main"' in block
        assert f'<td class="method">of_{own}</td>' in block
        assert f"of_{other}" not in block


def test_fronts_over_several_seeds_and_budgets_stand_in_their_benchmarks_block() -> None:
    """A table's text once had a row a method where its numbers had one a seed, and no page was made."""
    budgets = [{"weights": weights} for weights in ("25%", "50%", "75%")]
    made = itertools.product(("digits", "words"), ("duccio", "width_scaling"), budgets, (0, 1))
    records = [with_chance(make_record(benchmark=b, method=m, budget=w, seed=s)) for b, m, w, s in made]
    page = page_of(records)
    for name in ("digits", "words"):
        block = page[page.index(f'id="{name}-hypervolume"') :]
        assert block[: block.index("</table>")].count('<td class="method">') == 2


def test_a_figure_stands_in_its_benchmarks_block_and_says_only_what_none_before_has_said() -> None:
    captions = {"digits": "What a mark is. Of three.", "words": "What a mark is. Of four."}
    figures = [picture(f"forest_{b}", caption, b) for b, caption in captions.items()]
    records = [make_record(benchmark=b, seed=s) for b in captions for s in (0, 1)]
    page = render_page(records, report_frame(records), figures, [], Store(Path("none"), "example"))
    second = page[page.index('<h2 id="words"') :]
    assert 'id="figure-forest_words"' in second
    assert 'id="figure-forest_digits"' not in second
    assert page.count("What a mark is.") == 1
    assert "Of four." in second


def test_a_single_run_has_a_page_of_its_own_without_tables_of_one_row(tmp_path: Path) -> None:
    page = page_of([make_record()])
    assert "<table" not in page
    assert '<main id="run" tabindex="-1">' in page
    assert "suite show" in page  # what to do without a script
    write_plan(store := fill(tmp_path, [make_record()]), "missing")
    assert '<main id="run" tabindex="-1" hidden>' in page_of([make_record()], store)


def test_what_all_runs_share_is_said_once_and_folded() -> None:
    settings = page_of(pair()).split('id="settings"')[1]
    shown, folded = settings.split("<details>")
    assert "benchmark.name" in folded
    assert "benchmark.name" not in shown


def test_the_script_is_short() -> None:
    lines = [line for path in TEMPLATES.glob("*.js") for line in path.read_text().splitlines()]
    assert len(lines) <= 600
    assert max(map(len, lines)) <= 140


def test_rows_stand_in_groups_and_columns_without_any_value_are_left_out() -> None:
    table = pd.DataFrame({"preset": ["a", "b", "a"], "n": ["1", "2", "\u2013"], "none": ["\u2013"] * 3})
    shown = PageTable.from_frame(without_empty_columns(table), ("preset",))
    assert shown.groups == [("a", [["1"], ["\u2013"]]), ("b", [["2"]])]
    assert [column for column, _ in shown.columns] == ["n"]


def test_columns_are_set_by_what_they_hold() -> None:
    text = "a sentence of more than thirty-two letters"
    table = pd.DataFrame({"score": ["0.9 [0.8, 1.0]", "\u2013"], "fits": ["yes", "no"], "told": [text, ""]})
    assert [kind for _, kind in PageTable.from_frame(table).columns] == ["number", "word", "text"]
