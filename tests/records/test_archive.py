"""An experiment in one file, `records.zip`: every verb reads it as it reads the folders of the runs."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import make_failure, make_record, make_records

from suite import SuiteError
from suite.cli.main import main
from suite.records.archiving import archive_experiment
from suite.records.claims import claimed
from suite.records.frame import frame
from suite.records.merge import merge
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.record import RecordError, RunRecord
from suite.records.status import run_states
from suite.records.store import Store, save_tensors

HISTORY = pd.DataFrame({"phase": ["search", "search"], "epoch": [0, 1], "score": [0.5, 0.6]})


def experiment(folder: Path, *records: RunRecord, name: str = "example") -> Store:
    """An experiment with these records, each with all files that a run leaves."""
    store = Store(folder, name)
    for record in records:
        note_plan(store, record.id, record.seed)
        store.write(
            record,
            history=HISTORY,
            predictions={"predicted": np.arange(9)},
            architecture={"widths": {"stem": 3}},
        )
        save_tensors(store.run_folder(record.id) / "weights.pt", {})
    return store


def note_plan(store: Store, run: str, seed: int) -> None:
    folder = store.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN_NOTE).write_bytes(PlanNote("digits", "duccio", "weights 25%", seed, "paper", "gap8").to_json())


def archived(store: Store) -> Store:
    """The experiment with nothing but its archive left, as in a fresh clone."""
    archive_experiment(store, remove=True)
    return Store(store.root, store.experiment)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestReading:
    """An archive in place of the folders."""

    def test_records_and_their_files_are_the_same(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, *make_records(seeds=1))
        before, runs = store.records(), files(store.folder / "runs")
        after = archived(store)
        assert not any((store.folder / "runs").iterdir())
        assert after.records() == before
        assert frame(after.records()).equals(frame(before))
        for record in before:
            for name in ("record.json", "history.parquet", "predictions.npz", "architecture.json", "plan.json"):
                assert after.read_file(record.id, name) == runs[f"{record.id}/{name}"]
            assert after.read_file(record.id, "weights.pt") is None
            assert "weights.pt" not in after.run_files(record.id)

    def test_the_runs_folder_need_not_be_there(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        (store.folder / "runs").rmdir()
        assert store.records() == [make_record()]
        assert store.read(make_record().id) == make_record()
        assert store.read("another") is None

    def test_a_run_in_both_is_read_from_its_folder(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record())
        archive_experiment(store)
        better = make_record(scores={"test": 0.99})
        store.write(better)
        assert Store(tmp_path, "example").records() == [better]

    def test_new_runs_lie_beside_an_archive(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record(seed=0)))
        store.write(make_record(seed=1))
        assert {r.seed for r in store.records()} == {0, 1}
        assert store.run_ids() == sorted([make_record(seed=0).id, make_record(seed=1).id])

    def test_an_archive_that_is_replaced_is_read_again(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record(seed=0))
        archive_experiment(store)
        assert {r.seed for r in store.records()} == {0}
        other = experiment(tmp_path / "other", make_record(seed=0), make_record(seed=1))
        archive_experiment(other)
        other.archive.path.replace(store.archive.path)
        assert {r.seed for r in store.records()} == {0, 1}

    def test_status_of_a_partial_experiment(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record(seed=0), make_failure(seed=1))
        note_plan(store, "planned", 2)
        before = run_states(store)
        after = run_states(archived(store))
        assert sorted(state.state for state in after) == ["done", "failed", "missing"]
        assert after == before

    def test_a_torn_record_in_an_archive_hides_no_other(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record(seed=0), make_record(seed=1)))
        contents = {
            run: {name: store.read_file(run, name) or b"" for name in store.run_files(run)} for run in store.run_ids()
        }
        contents[make_record(seed=0).id]["record.json"] = b"{torn"
        store.archive.write(contents)
        assert store.records() == [make_record(seed=1)]
        assert [broken.run_id for broken in store.broken()] == [make_record(seed=0).id]

    def test_other_members_are_not_runs(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        with zipfile.ZipFile(store.archive.path, "a") as archive:
            for name in ("runs/../../escape/record.json", "/etc/passwd", "runs/x/weights.pt", "README", "runs/y/"):
                archive.writestr(name, b"{}")
        assert Store(tmp_path, "example").run_ids() == [make_record().id]


class TestDamage:
    """A zip that cannot be read is one clear error, never a wrong table."""

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip at all"])
    def test_no_archive_at_all(self, content: bytes, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        store.archive.path.write_bytes(content)
        with pytest.raises(SuiteError, match=r"records\.zip: not a readable archive"):
            store.records()

    def test_a_damaged_member_is_a_record_that_is_left_out(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record(seed=0), make_record(seed=1)))
        run = make_record(seed=0).id
        with zipfile.ZipFile(store.archive.path) as archive:
            start = archive.getinfo(f"runs/{run}/record.json").header_offset
        content = bytearray(store.archive.path.read_bytes())
        for i in range(start + 100, start + 140):
            content[i] ^= 0xFF
        store.archive.path.write_bytes(content)
        assert store.records() == [make_record(seed=1)]
        ((broken_run, _, reason),) = store.broken()
        assert broken_run == run
        assert "damaged" in reason
        with pytest.raises(RecordError, match="damaged"):
            store.read(run)

    @pytest.mark.parametrize("verb", ["report", "status", "export", "archive"])
    def test_every_verb_says_so_in_one_line(self, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        store = archived(experiment(tmp_path, make_record()))
        content = store.archive.path.read_bytes()
        store.archive.path.write_bytes(content[: len(content) // 2])
        more = [str(tmp_path / "all.csv")] if verb == "export" else []
        assert main([verb, str(store.folder), *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "records.zip: not a readable archive" in line
        assert store.archive.path.read_bytes() == content[: len(content) // 2]


class TestMaking:
    """`suite archive`."""

    def test_the_same_records_give_the_same_bytes(self, tmp_path: Path) -> None:
        records = make_records(seeds=1)
        one = experiment(tmp_path / "a", *records)
        two = experiment(tmp_path / "b", *reversed(records))
        for store in (one, two):
            archive_experiment(store)
        for path in two.folder.rglob("*"):
            os.utime(path, (0, 0))
        first = one.archive.path.read_bytes()
        assert two.archive.path.read_bytes() == first
        archive_experiment(two, remove=True)
        archive_experiment(two)
        assert two.archive.path.read_bytes() == first, "of an archive alone"

    def test_new_runs_join_those_that_were_archived_before(self, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record(seed=0)))
        experiment(tmp_path, make_record(seed=1))
        assert archive_experiment(store, remove=True).runs == 2
        assert {r.seed for r in Store(tmp_path, "example").records()} == {0, 1}
        whole = experiment(tmp_path / "whole", make_record(seed=0), make_record(seed=1))
        archive_experiment(whole)
        assert whole.archive.path.read_bytes() == store.archive.path.read_bytes()

    def test_folders_stay_unless_they_are_to_be_removed(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record())
        before = files(store.folder / "runs")
        archive_experiment(store)
        assert files(store.folder / "runs") == before
        archive_experiment(store, remove=True)
        assert files(store.folder / "runs") == {}

    def test_weights_and_checkpoints_are_not_in_it(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record())
        (store.run_folder(make_record().id) / "checkpoints").mkdir()
        (store.run_folder(make_record().id) / "checkpoints" / "search.pt").write_bytes(b"")
        archive_experiment(store)
        with zipfile.ZipFile(store.archive.path) as archive:
            names = {Path(name).name for name in archive.namelist()}
        assert names == {"record.json", "history.parquet", "predictions.npz", "architecture.json", "plan.json"}

    def test_an_experiment_at_work_is_left_alone(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record())
        note_plan(store, "running", 1)
        before = files(store.folder)
        with claimed(store.run_folder("running")), pytest.raises(SuiteError, match="1 runs are at work"):
            archive_experiment(store, remove=True)
        assert files(store.folder) == before

    def test_a_torn_record_is_refused_and_nothing_is_removed(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record(seed=0), make_record(seed=1))
        (store.run_folder(make_record().id) / "record.json").write_bytes(b"{torn")
        before = files(store.folder)
        with pytest.raises(RecordError, match=make_record().id):
            archive_experiment(store, remove=True)
        assert files(store.folder) == before

    def test_what_was_not_written_as_it_is_is_not_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = experiment(tmp_path, make_record())
        before = files(store.folder / "runs")
        monkeypatch.setattr("suite.records.archive.Archive.read", lambda *_: b"other bytes")
        with pytest.raises(SuiteError, match="no folder was removed"):
            archive_experiment(store, remove=True)
        assert files(store.folder / "runs") == before

    def test_the_command_says_what_it_wrote(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        store = experiment(tmp_path, make_record(seed=0))
        note_plan(store, "planned", 1)
        assert main(["archive", str(store.folder)]) == 0
        out = capsys.readouterr().out
        assert out.startswith("2 runs, 1 of them not finished, 0.0 MB: ")
        assert str(store.archive.path) in out
        assert store.run_folder(make_record().id).is_dir()
        assert main(["archive", str(store.folder), "--remove"]) == 0
        assert not store.run_folder(make_record().id).exists()
        assert main(["archive", str(tmp_path / "nothing")]) == 2


class TestVerbs:
    """What reads an experiment reads its archive."""

    def test_export_gives_the_same_bytes(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, *make_records(seeds=1))
        assert main(["export", str(store.folder), str(tmp_path / "before.csv")]) == 0
        archived(store)
        assert main(["export", str(store.folder), str(tmp_path / "after.csv")]) == 0
        assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()

    def test_status(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        store = experiment(tmp_path, make_record(seed=0))
        note_plan(store, "planned", 1)
        archived(store)
        assert main(["status", str(store.folder)]) == 0
        assert "1 of 2 runs done, 1 missing" in capsys.readouterr().out

    @pytest.mark.parametrize("which", ["from", "into", "both"])
    def test_merge(self, which: str, tmp_path: Path) -> None:
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

    def test_merge_finds_different_results_in_archives(self, tmp_path: Path) -> None:
        into = archived(experiment(tmp_path / "a", make_record()))
        source = archived(experiment(tmp_path / "b", make_record(scores={"test": 0.1})))
        with pytest.raises(SuiteError, match="differ in scores"):
            merge(into, [source])

    def test_report(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, *make_records(seeds=2))
        assert main(["report", str(store.folder), "--only", "tables,page"]) == 0
        before = files(store.folder / "report")
        archived(store)
        assert main(["report", str(store.folder), "--only", "tables,page"]) == 0
        assert files(store.folder / "report") == before

    def test_run_knows_what_is_done_and_what_is_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
