"""Parts, formats and styles of a report, and the same bytes whatever the folder and the order of its files."""

import io
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic import BUDGETS, make_failure, make_record, make_records, write_plan
from synthetic_files import ARCHITECTURE, REFERENCE_WIDTHS, WIDTHS

import suite.report.build
import suite.report.figures.drawing
from suite import SuiteError
from suite.cli.main import main
from suite.data.files import write_atomic
from suite.records.archiving import archive_experiment
from suite.records.store import Store, encode_run_files
from suite.report.build import FORMATS, Report
from suite.report.figures.catalogue import PlannedFigure, plan_figures
from suite.report.figures.drawing import draw_figures
from suite.report.figures.pages import RenderedFigure

HISTORY = pd.DataFrame(
    [
        {"phase": phase, "label": phase, "epoch": epoch, "loss": 1 / (epoch + 1), "score": 0.1 * epoch + 0.5}
        | ({"cost/weights": 1.5 - 0.1 * epoch, "strength/weights": 0.1 * epoch} if phase == "search" else {})
        for phase in ("warmup", "search", "finetune")
        for epoch in range(4)
    ]
)


def fill(root: Path, records: Sequence) -> Store:
    store = Store(root, "example")
    for record in records:
        store.write(record, encode_run_files(history=HISTORY if record.method == "duccio" else None))
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = fill(tmp_path_factory.mktemp("results"), make_records(seeds=1, budgets=BUDGETS[:1]))
    Report.load(store).write()
    return store


@pytest.fixture
def store(built: Store, tmp_path: Path) -> Store:
    """A copy of a whole report that a test may change."""
    shutil.copytree(built.folder, tmp_path / "example")
    return Store(tmp_path, "example")


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_a_copy_elsewhere_with_its_files_in_another_order_gives_the_same_bytes(built: Store, tmp_path: Path) -> None:
    other = tmp_path / "deeper" / "results" / "example"
    runs = sorted((built.folder / "runs").iterdir(), key=lambda path: path.name[::-1])
    for run in runs:  # folders appear in another order, with other times
        shutil.copytree(run, other / "runs" / run.name, copy_function=shutil.copyfile)
        os.utime(other / "runs" / run.name / "record.json", (1, 1))
    Report.load(Store(other.parent, "example")).write()
    assert contents(other / "report") == contents(built.folder / "report")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_format_is_written_with_the_bytes_of_the_whole_and_the_others_stay(suffix: str, store: Store) -> None:
    report = store.folder / "report"
    whole = contents(report)
    old = dict.fromkeys(whole, b"old")
    for name in old:
        write_atomic(report / name, b"old")
    Report.load(store).write([suffix])
    assert contents(report) == old | {name: whole[name] for name in old if name.endswith(f".{suffix}")}


def test_one_kind_of_figure_is_drawn_without_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    report = store.folder / "report"
    before = contents(report)
    for path in (report / "figures").glob("score_*.png"):
        path.unlink()
    drawn: list[str] = []
    original = suite.report.build.draw_figures

    def draw(figures: Sequence[PlannedFigure], formats: Sequence[str]) -> list[RenderedFigure]:
        drawn.extend(figure.kind for figure in figures)
        return original(figures, formats)

    monkeypatch.setattr(suite.report.build, "draw_figures", draw)
    assert main(["report", str(store.folder), "--figure", "score", "--figure", "trajectories"]) == 0
    assert drawn == ["score", "trajectories"]
    assert contents(report) == before


def test_formats_are_added_beside_those_that_are_there(store: Store) -> None:
    for path in (store.folder / "report" / "figures").glob("*.pdf"):
        path.unlink()
    before = contents(store.folder / "report")
    Report.load(store).write(["pdf"])
    after = contents(store.folder / "report")
    new = changed(before, after)
    assert {Path(name).suffix for name in new} == {".pdf"}
    assert len(new) == sum(name.endswith(".png") for name in before)
    Report.load(store).write(["pdf"])
    assert contents(store.folder / "report") == after


def test_what_the_records_no_longer_give_is_removed_with_its_kind_only(store: Store) -> None:
    report = store.folder / "report"
    for name in ("tables/gone.tex", "figures/gone.pdf", "tables/mine.txt"):
        write_atomic(report / name, b"old")
    Report.load(store).write(["md"])
    assert not (report / "tables" / "gone.tex").exists()
    assert (report / "tables" / "runs.csv").exists()
    assert (report / "figures" / "gone.pdf").exists()
    assert (report / "tables" / "mine.txt").exists(), "not one of ours"


def test_settings_that_are_alike_as_file_names_have_figures_of_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    for name in ("my-board", "my_board"):
        store.write(make_record(device=name, budget={}))
    report = Report.load(store)
    report.write(["png"])
    names = [figure.name for figure in plan_figures(report.df, store)]
    assert len(set(names)) == 4
    pictures = list((store.folder / "report" / "figures").iterdir())
    assert {path.stem for path in pictures} == set(names)
    assert len({path.read_bytes() for path in pictures}) == 4


def test_a_width_and_a_font_change_the_figures_and_nothing_else(store: Store) -> None:
    before = contents(store.folder / "report")
    assert main(["report", str(store.folder), "--width", "single", "--font", "6.5", "--format", "png"]) == 0
    after = contents(store.folder / "report")
    assert changed(before, after) == {name for name in before if name.endswith(".png")}
    assert Image.open(io.BytesIO(after[min(changed(before, after))])).width == 3.5 * 300


def test_two_processes_give_the_bytes_of_one(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report.load(built)
    found = plan_figures(report.df, built)[:2]
    monkeypatch.setattr(suite.report.figures.drawing, "MOST_IN_ONE_PROCESS", len(found))
    alone = [(d.name, d.caption, d.content) for d in draw_figures(found, ("png",))]
    monkeypatch.setattr(suite.report.figures.drawing, "MOST_IN_ONE_PROCESS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert [(d.name, d.caption, d.content) for d in draw_figures(found, ("png",))] == alone


def fail() -> None:
    raise ValueError("cannot be drawn")


def test_an_error_in_the_other_process_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite.report.figures.drawing, "MOST_IN_ONE_PROCESS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(ValueError, match="cannot be drawn"):
        draw_figures([PlannedFigure("score", "bad", 1, fail)], ("png",))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "xlsx"], "csv, md, tex, png, pdf, html"),
        (["--width", "triple"], "single (3.5in), double (7.16in)"),
        (["--figure", "forrest"], "score, best_so_far"),
        (["--figure", "forrest"], "Did you mean forest?"),
        (["--figure", "convergence"], "no data for it"),
    ],
)
def test_bad_options_name_the_choices_and_write_nothing(
    options: list[str], told: str, store: Store, capsys: pytest.CaptureFixture
) -> None:
    before = contents(store.folder)
    assert main(["report", str(store.folder), *options]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
    assert contents(store.folder) == before


def test_options_may_be_repeated_or_listed(store: Store, capsys: pytest.CaptureFixture) -> None:
    report = store.folder / "report"
    shutil.rmtree(report)
    assert main(["report", str(store.folder), "--format", "tex,md", "--format", "pdf"]) == 0
    assert {Path(name).suffix for name in contents(report)} == {".tex", ".md", ".pdf"}
    assert str(report) in capsys.readouterr().out


def test_broken_records_are_left_out_by_name_and_hide_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = make_records(seeds=1, budgets=BUDGETS[:1])
    store = fill(tmp_path, records)
    torn, newer = make_record(seed=7), make_record(seed=8)
    write_atomic(store.run_folder(torn.id) / "record.json", torn.to_json()[:200].encode())
    write_atomic(store.run_folder(newer.id) / "record.json", json.dumps({"schema": 99}).encode())
    page = Report.load(store).write(["html"])
    for record in (torn, newer):
        assert str(store.run_folder(record.id) / "record.json") in caplog.text
        assert record.id in page.read_text()
    assert len(Report.load(store).df) == len(records)


def test_nothing_but_broken_records_is_an_error_that_names_them(tmp_path: Path) -> None:
    path = Store(tmp_path, "example").run_folder("torn") / "record.json"
    write_atomic(path, b"{")
    with pytest.raises(SuiteError, match=str(path)):
        Report.load(Store(tmp_path, "example")).write()


def test_a_report_that_cannot_be_written_is_an_error_that_names_its_place(store: Store) -> None:
    shutil.rmtree(store.folder / "report")
    (store.folder / "report").write_text("in the way")
    with pytest.raises(SuiteError, match=r"report.* cannot be written"):
        Report.load(store).write()


def test_failures_alone_make_a_report(tmp_path: Path) -> None:
    assert Report.load(fill(tmp_path, [make_failure()])).write().is_file()


def test_an_archive_alone_gives_the_report_of_its_folders_byte_for_byte(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    target = np.arange(50, dtype=np.int16) % 10
    for seed in (0, 1):
        for method in ("duccio", "hand_tuned"):
            right = np.arange(50) > seed
            record = make_record(
                method=method, seed=seed, budget=BUDGETS[0], scores={"test": float(right.mean())},
                widths=WIDTHS, reference_widths=REFERENCE_WIDTHS,
            )  # fmt: skip
            architecture = ARCHITECTURE | {"choices": {"block": "identity"}}
            predictions = {"predicted": np.where(right, target, -1).astype(np.int16), "target": target}
            store.write(record, encode_run_files(history=HISTORY, predictions=predictions, architecture=architecture))
    write_plan(store, "planned", method="planned_method")
    formats = ["csv", "html"]
    Report.load(store).write(formats)
    from_folders = contents(store.folder / "report")
    archive_experiment(store, remove=True)
    shutil.rmtree(store.folder / "report")
    assert not list(store.run_folder("").iterdir())
    Report.load(Store(tmp_path, "example")).write(formats)
    assert contents(store.folder / "report") == from_folders
    assert "tables/noninferiority.csv" in from_folders
    page = from_folders["index.html"].decode()
    figures = ("trajectories_", "widths_")
    assert all(text in page for text in (*figures, "digits | planned_method", '"history"', '"layers"'))
