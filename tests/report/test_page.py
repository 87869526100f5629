import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import make_failure, make_record, make_records

from suite.errors import SuiteError
from suite.record import RunRecord
from suite.report.build import build_report
from suite.report.frame import frame
from suite.report.page import render_page
from suite.store import Store

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
REBUILD = """
import sys
from pathlib import Path
from suite.report.build import build_report
from suite.store import Store
build_report(Store(Path(sys.argv[1]), "example"))
"""


def page_of(records: list[RunRecord]) -> str:
    return render_page(records, frame(records), [])


def fill(root: Path, records: list[RunRecord]) -> Store:
    store = Store(root, "example")
    for record in records:
        store.write(record)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(fill(tmp_path_factory.mktemp("results"), make_records(seeds=2)))


def test_report_is_a_page_with_tables_and_figures(report: Path) -> None:
    assert report.parts[-3:] == ("example", "report", "index.html")
    files = set(contents(report.parent))
    tables = {f"tables/{name}.{kind}" for name in ("main", "cost", "failures") for kind in ("csv", "md", "tex")}
    place = "digits_paper_nucleo_l4r5zi"
    figures = {f"figures/{n}_{place}.{kind}" for n in ("score", "violations", "cost") for kind in ("png", "pdf")}
    assert files == {"index.html", "tables/runs.csv"} | tables | figures


def test_page_refers_to_nothing_outside_itself(report: Path) -> None:
    page = report.read_text()
    references = re.findall(r"""(?:src|href|action|data|url\(|@import)\s*[=(]?\s*["']([^"']*)""", page)
    assert references
    assert all(r.startswith(("#", "data:image/png;base64,")) for r in references)
    assert "http" not in page


def test_page_holds_every_figure_and_run(report: Path) -> None:
    page = report.read_text()
    assert page.count("data:image/png;base64,") == 3
    assert all(record.id in page for record in make_records(seeds=2))


def test_rebuilding_in_another_process_gives_the_same_bytes(report: Path) -> None:
    before = contents(report.parent)
    root = report.parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", REBUILD, str(root)], check=True, env=environment)
    assert contents(report.parent) == before


def test_files_of_an_earlier_report_are_removed(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_failure()])
    folder = build_report(store).parent
    assert (folder / "tables/failures.csv").exists()
    (folder / "mine.txt").write_text("not the report's")
    fill(tmp_path, [make_record()])
    build_report(store)
    assert not (folder / "tables/failures.csv").exists()
    assert (folder / "mine.txt").exists()


def test_experiment_without_records_is_refused_and_others_are_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="none"):
        build_report(Store(tmp_path, "empty"))
    fill(tmp_path, [make_record()])
    with pytest.raises(SuiteError, match=re.escape(str(tmp_path / "empty")) + ".*: example"):
        build_report(Store(tmp_path, "empty"))


def test_texts_of_others_are_escaped() -> None:
    bad = "<script>alert(1)</script>"
    page = page_of([make_record(), make_failure(bad, seed=1), make_record(method=f"m{bad}", data_note=bad)])
    assert bad not in page
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_failures_are_shown_with_their_whole_error() -> None:
    error = "RuntimeError: " + "x" * 500
    assert error in page_of([make_record(), make_failure(error, seed=1)])


def test_failures_alone_make_a_page() -> None:
    page = page_of([make_failure()])
    assert "No run has finished." in page
    assert "0 finished, 1 failed or interrupted" in page


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
    assert "The target is MLPerf Tiny's" in page


def test_report_with_published_numbers_and_further_scores_has_the_same_bytes_again(tmp_path: Path) -> None:
    records = [
        make_record(benchmark=b, seed=s, quality_target=0.85, scores={"test": 0.8 + s / 100, "test/pauc": 0.7})
        for b in ("image_classification", "keyword_spotting")
        for s in (0, 1)
    ]
    reports = []
    for name, ordered in (("a", records), ("b", records[::-1])):
        shutil.copytree(PUBLISHED, tmp_path / name / "published")
        reports.append(contents(build_report(fill(tmp_path / name, ordered)).parent))
    assert reports[0] == reports[1]
    names = {f"tables/{name}.{kind}" for name in ("scores", "published") for kind in ("csv", "md", "tex")}
    assert names <= set(reports[0])


def test_tables_without_rows_are_left_out(report: Path) -> None:
    assert not {"tables/scores.csv", "tables/published.csv"} & set(contents(report.parent))


def test_page_holds_no_time_stamp() -> None:
    assert page_of([make_record()]) == page_of([make_record(finished="2031-01-01T00:00:00Z")])


def test_page_can_be_used_by_keyboard() -> None:
    page = page_of(make_records(seeds=1))
    assert '<html lang="en">' in page
    assert '<meta name="viewport"' in page
    assert page.count('class="scroll" role="region" tabindex="0" aria-label=') == 4
    assert page.count("<th scope") > page.count('<button type="button">') > 10
