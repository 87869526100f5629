"""An experiment in one file, `records.zip`: made, read and damaged."""

import os
import zipfile
from pathlib import Path

import pytest
from experiments import archived, experiment, files, note_plan
from synthetic import make_failure, make_record, make_records
from synthetic_files import deployed

from suite import SuiteError
from suite.cli.main import main
from suite.records.archiving import archive_experiment
from suite.records.claims import claimed
from suite.records.deployment import read_deployments
from suite.records.frame import frame
from suite.records.record import RecordError
from suite.records.status import run_states
from suite.records.store import Store


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

    def test_what_interpreters_said_is_archived_and_what_they_ran_is_not(self, tmp_path: Path) -> None:
        store, run = experiment(tmp_path, make_record()), make_record().id
        (store.run_folder(run) / "deploy.json").write_text(deployed(run).to_json())
        (store.run_folder(run) / "deploy").mkdir()
        (store.run_folder(run) / "deploy" / "network.tflite").write_bytes(b"TFL3")
        after = archived(store)
        assert read_deployments(after, [run]) == {run: deployed(run)}
        assert not store.run_folder(run).exists()

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

    @pytest.mark.parametrize("run", ["..", ".", "", "x" * 300, "a\\..\\b"])
    def test_a_run_whose_id_is_a_path_is_none(self, run: str, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        with zipfile.ZipFile(store.archive.path, "a") as archive:
            archive.comment = b""
            archive.writestr(f"runs/{run}/record.json", make_record(seed=1).to_json())
        assert Store(tmp_path, "example").run_ids() == [make_record().id]


class TestDamage:
    """A zip that cannot be read is one clear error, never a wrong table."""

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip at all"])
    def test_no_archive_at_all(self, content: bytes, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        store.archive.path.write_bytes(content)
        with pytest.raises(SuiteError, match=r"records\.zip: not a readable archive"):
            store.records()

    def test_a_small_archive_of_large_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = archived(experiment(tmp_path, make_record(data_note=" " * 1_000_000)))
        os.utime(store.archive.path, (0, 0))  # else its list of files is known
        monkeypatch.setattr("suite.data.files.MOST_UNPACKED", 1000)
        with pytest.raises(SuiteError, match=r"records\.zip: not a readable archive \([\d,]+ bytes that unpack to 1,0"):
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
        ((broken_run, _, reason, _),) = store.broken()
        assert broken_run == run
        assert "damaged" in reason
        with pytest.raises(RecordError, match="damaged"):
            store.read(run)

    @pytest.mark.parametrize(
        ("offset", "value"), [(6, 1), (4, 99)], ids=["as if encrypted", "as if of a newer version"]
    )
    def test_one_flipped_number_is_a_clear_error(self, offset: int, value: int, tmp_path: Path) -> None:
        store = archived(experiment(tmp_path, make_record()))
        content = bytearray(store.archive.path.read_bytes())
        for start, shift in ((content.index(b"PK\x03\x04"), 0), (content.index(b"PK\x01\x02"), 2)):
            content[start + offset + shift] = value
        store.archive.path.write_bytes(content)
        first = make_record().id, "architecture.json"
        with pytest.raises(SuiteError, match=r"records\.zip"):
            Store(tmp_path, "example").archive.read(*first)

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


class TestRemoving:
    """Folders go only when everything in them is in the archive."""

    def test_a_run_that_finishes_meanwhile_keeps_its_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = experiment(tmp_path, make_record(seed=0))
        late = make_record(seed=1)
        note_plan(store, late.id, 1)
        write = type(store.archive).write

        def write_and_finish(archive: object, contents: object) -> None:
            write(archive, contents)  # type: ignore[arg-type]
            store.write(late)

        monkeypatch.setattr(type(store.archive), "write", write_and_finish)
        archive_experiment(store, remove=True)
        assert store.read(late.id) == late
        assert not store.run_folder(make_record(seed=0).id).exists()

    def test_a_run_that_begins_meanwhile_keeps_its_folder(self, tmp_path: Path) -> None:
        store = experiment(tmp_path, make_record())
        with store.lock(store.run_folder(make_record().id)):
            archive_experiment(store, remove=True)
        assert store.run_folder(make_record().id).exists()

    def test_an_experiment_without_runs_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "example" / "runs").mkdir(parents=True)
        with pytest.raises(SuiteError, match="no runs"):
            archive_experiment(Store(tmp_path, "example"))
