"""Every verb reads an experiment's archive as it reads the folders of its runs."""

from pathlib import Path

import pandas as pd
import pytest
from experiments import HISTORY, archived, experiment, files, note_plan
from synthetic import make_failure, make_record, make_records

from suite import SuiteError
from suite.cli.main import main
from suite.records.merge import merge
from suite.records.plan_note import PLAN_NOTE
from suite.records.store import Store


def test_export_gives_the_same_bytes(tmp_path: Path) -> None:
    store = experiment(tmp_path, *make_records(seeds=1))
    assert main(["export", str(store.folder), str(tmp_path / "before.csv")]) == 0
    archived(store)
    assert main(["export", str(store.folder), str(tmp_path / "after.csv")]) == 0
    assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()


def test_status(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    store = experiment(tmp_path, make_record(seed=0))
    note_plan(store, "planned", 1)
    archived(store)
    assert main(["status", str(store.folder)]) == 0
    assert "1 of 2 runs done, 1 missing" in capsys.readouterr().out


@pytest.mark.parametrize("which", ["from", "into", "both"])
def test_merge(which: str, tmp_path: Path) -> None:
    into = experiment(tmp_path / "a", make_record(seed=0), make_record(seed=1))
    source = experiment(tmp_path / "b", make_record(seed=1), make_record(seed=2), make_failure(seed=3))
    note_plan(source, "planned", 4)
    if which != "from":
        into = archived(into)
    if which != "into":
        source = archived(source)
    merged = merge(into, [source])
    assert (merged.copied, merged.same, merged.planned) == (2, 1, 1)
    assert {r.seed for r in into.records()} == {0, 1, 2, 3}
    copied = into.run_folder(make_record(seed=2).id)
    assert pd.read_parquet(copied / "history.parquet").equals(HISTORY)
    assert (into.run_folder("planned") / PLAN_NOTE).exists()


def test_merge_finds_different_results_in_archives(tmp_path: Path) -> None:
    into = archived(experiment(tmp_path / "a", make_record()))
    source = archived(experiment(tmp_path / "b", make_record(scores={"test": 0.1})))
    with pytest.raises(SuiteError, match="differ in scores"):
        merge(into, [source])


def test_report(tmp_path: Path) -> None:
    store = experiment(tmp_path, *make_records(seeds=2))
    assert main(["report", str(store.folder), "--format", "csv,md,tex,html"]) == 0
    before = files(store.folder / "report")
    archived(store)
    assert main(["report", str(store.folder), "--format", "csv,md,tex,html"]) == 0
    assert files(store.folder / "report") == before


def test_run_knows_what_is_done_and_what_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    sweep = ["run", "-m", "preset=smoke", "threads=1", "method=hand_tuned", "recipe.epochs=1", "name=e"]
    assert main([*sweep, "seed=0"]) == 0
    store = archived(Store(tmp_path / "results", "e"))
    (done,) = store.records()
    caplog.clear()
    assert main([*sweep, "seed=0"]) == 0
    assert "1 already done; nothing was trained" in caplog.text
    assert files(store.folder / "runs") == {}, "no folder comes back"
    assert main([*sweep, "seed=0,1"]) == 0
    assert "2 runs: 1 run now, 1 already done" in caplog.text
    assert done in store.records()
    assert len(store.records()) == 2
