"""Joining the record folders of several machines: nothing is lost, overwritten or silently left out."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import make_failure, make_record
from synthetic_files import deployed

from suite import SuiteError
from suite.cli.main import main
from suite.data.files import write_atomic
from suite.records.archiving import archive_experiment
from suite.records.merge import merge
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files

HISTORY = pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 0.5]})


def machine(folder: Path, *records: RunRecord) -> Store:
    """A results folder of its own with these records, a plan note each."""
    store = Store(folder, "example")
    for record in records:
        plan(store, record.id)
        store.write(record, encode_run_files(history=HISTORY))
    (store.folder / "runs").mkdir(parents=True, exist_ok=True)
    return store


def plan(store: Store, run: str) -> None:
    note = PlanNote("digits", "duccio", "weights 25%", 0, "paper", "gap8")
    write_atomic(store.run_folder(run) / PLAN_NOTE, note.to_json())


def contents(store: Store) -> dict[str, bytes]:
    files = (path for path in store.root.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(store.root).as_posix(): path.read_bytes() for path in files}


def test_runs_of_the_other_machine_are_copied_whole_and_it_is_left_as_it_was(tmp_path: Path) -> None:
    here = machine(tmp_path / "a", make_record(seed=0))
    there = machine(tmp_path / "b", make_record(seed=1), make_record(seed=2))
    mine, theirs = contents(here), contents(there)
    assert merge(here, [there]).copied == 2
    assert contents(here) == mine | theirs
    assert contents(there) == theirs


def test_identical_runs_are_skipped_and_a_second_merge_copies_nothing(tmp_path: Path) -> None:
    here = machine(tmp_path / "a", make_record(seed=0))
    there = machine(tmp_path / "b", make_record(seed=0), make_record(seed=1))
    assert (merge(here, [there]).copied, merge(here, [there]).same) == (1, 2)


def test_the_same_results_on_a_slower_machine_are_no_conflict_and_ours_stay(tmp_path: Path) -> None:
    record = make_record()
    slow = {**record.meter, "total": {**record.meter["total"], "wall_s": 9e9}}
    here = machine(tmp_path / "a", record)
    there = machine(tmp_path / "b", dataclasses.replace(record, meter=slow, finished="later", environment={}))
    before = contents(here)
    assert merge(here, [there]).same == 1
    assert contents(here) == before


@pytest.mark.parametrize("other", [{"scores": {"test": 0.1}}, {"costs": {"weights": 1.0}}, {"feasible": False}])
def test_different_results_of_one_run_are_refused_by_both_files_and_nothing_is_copied(
    other: dict[str, object], tmp_path: Path
) -> None:
    record = make_record()
    here = machine(tmp_path / "a", record)
    there = machine(tmp_path / "b", dataclasses.replace(record, **other), make_record(seed=1))
    before = contents(here)
    with pytest.raises(SuiteError) as refused:
        merge(here, [there])
    for store in (here, there):
        assert str(store.run_folder(record.id) / "record.json") in str(refused.value)
    assert contents(here) == before


def test_conflicts_between_the_others_are_found_too(tmp_path: Path) -> None:
    one = machine(tmp_path / "b", make_record())
    two = machine(tmp_path / "c", make_record(scores={"test": 0.1}))
    with pytest.raises(SuiteError, match="different results"):
        merge(machine(tmp_path / "a"), [one, two])


def test_a_finished_run_takes_the_place_of_a_failed_one_in_either_direction(tmp_path: Path) -> None:
    record = make_record()
    for into, other in (("failed", "done"), ("done", "failed")):
        stores = {
            "done": machine(tmp_path / into / "done", record),
            "failed": machine(tmp_path / into / "failed", make_failure()),
        }
        merged = merge(stores[into], [stores[other]])
        assert stores[into].records() == [record]
        assert merged.finished == (into == "failed")


def test_a_planned_run_is_filled_and_plans_are_passed_on(tmp_path: Path) -> None:
    record = make_record()
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    plan(here, record.id)
    plan(there, "feedfeedfeedfeed")
    merged = merge(here, [there])
    assert here.records() == [record]
    assert (merged.copied, merged.planned) == (1, 1)
    assert (here.run_folder("feedfeedfeedfeed") / PLAN_NOTE).exists()


def test_artefacts_that_a_copied_run_names_come_along(tmp_path: Path) -> None:
    record = make_record()
    shared = next(iter(record.meter["shared"].values()))["artefact"]
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    for name in (shared, "of-another-experiment"):
        write_atomic(there.artefact_folder(name) / "reference.pt", b"weights")
    assert merge(here, [there]).artefacts == 1
    assert (here.artefact_folder(shared) / "reference.pt").read_bytes() == b"weights"
    assert not here.artefact_folder("of-another-experiment").exists()


def test_a_record_that_names_a_folder_elsewhere_as_its_artefact_is_left_out(tmp_path: Path) -> None:
    here, there = machine(tmp_path / "a" / "results"), machine(tmp_path / "results", make_record())
    path = there.run_folder(make_record().id) / "record.json"
    raw = json.loads(path.read_text()) | {"artefacts": ["../../private"]}
    raw.pop("checksum")
    path.write_text(json.dumps(raw))
    write_atomic(tmp_path / "private" / "file", b"not of this experiment")
    (left_out,) = merge(here, [there]).left_out
    assert "artefacts: '../../private' is not the name of one" in left_out
    assert not (tmp_path / "a" / "private").exists()


@pytest.mark.parametrize("is_archived", [False, True])
def test_a_finished_run_gets_the_deployment_that_another_machine_made(is_archived: bool, tmp_path: Path) -> None:
    record = make_record()
    here, there = machine(tmp_path / "a", record), machine(tmp_path / "b", record)
    if is_archived:
        archive_experiment(here, remove=True)
    content = deployed(record.id).to_json().encode()
    write_atomic(there.run_folder(record.id) / "deploy.json", content)
    merged = merge(here, [there])
    assert merged.line == "0 runs copied, 1 already there, 1 deployments copied"
    assert here.read_file(record.id, "deploy.json") == content
    assert here.read(record.id) == record
    assert merge(here, [there]).deployments == 0


def test_a_deployment_that_is_here_stays(tmp_path: Path) -> None:
    record = make_record()
    here, there = machine(tmp_path / "a", record), machine(tmp_path / "b", record)
    for store, score in ((here, 0.8), (there, 0.9)):
        write_atomic(store.run_folder(record.id) / "deploy.json", deployed(record.id, score).to_json().encode())
    before = contents(here)
    assert merge(here, [there]).deployments == 0
    assert contents(here) == before


def test_a_copied_run_brings_its_deployment(tmp_path: Path) -> None:
    record = make_record()
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    write_atomic(there.run_folder(record.id) / "deploy.json", deployed(record.id).to_json().encode())
    merge(here, [there])
    assert here.read_file(record.id, "deploy.json") == deployed(record.id).to_json().encode()


@pytest.mark.parametrize("torn", ["here", "there"])
def test_an_unreadable_record_is_left_alone_and_named_and_hides_no_other(torn: str, tmp_path: Path) -> None:
    stores = {"here": machine(tmp_path / "a", make_record()), "there": machine(tmp_path / "b", make_record())}
    stores["there"].write(make_record(seed=1))
    path = stores[torn].run_folder(make_record().id) / "record.json"
    path.write_bytes(b"{torn")
    merged = merge(stores["here"], [stores["there"]])
    assert [str(path) in line for line in merged.left_out] == [True]
    assert path.read_bytes() == b"{torn"
    assert make_record(seed=1) in stores["here"].records()


def test_a_run_that_is_at_work_here_is_left_to_itself(tmp_path: Path) -> None:
    record = make_record()
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    with here.lock(here.run_folder(record.id)):
        merged = merge(here, [there])
    assert here.records() == []
    assert record.id in merged.left_out[0]


def test_merging_a_folder_with_itself_is_refused(tmp_path: Path) -> None:
    store = machine(tmp_path / "a", make_record())
    with pytest.raises(SuiteError, match="different folders"):
        merge(store, [Store(tmp_path / "a", "example")])


def test_into_a_third_folder_leaves_both_as_they_were(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    a, b = machine(tmp_path / "a", make_record()), machine(tmp_path / "b", make_record(seed=1))
    before = contents(a), contents(b)
    into = tmp_path / "c" / "all"
    assert main(["merge", str(a.folder), str(b.folder), "--into", str(into)]) == 0
    assert "2 runs copied" in capsys.readouterr().out
    assert len(Store(tmp_path / "c", "all").records()) == 2
    assert (contents(a), contents(b)) == before


def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    a, b = machine(tmp_path / "a", make_record()), machine(tmp_path / "b", make_record(feasible=False))
    assert main(["merge", str(a.folder), str(b.folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: one run with different results")
    assert "feasible" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("score", [None, 0.123])
def test_a_run_that_finishes_here_meanwhile_is_not_overwritten(
    score: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_record(seed=0)
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    mine = record if score is None else dataclasses.replace(record, scores={"test": score})
    lock = Store.lock

    def finish_first(store: Store, folder: Path) -> Any:
        if store is here and folder == here.run_folder(record.id):
            here.write(mine)
        return lock(store, folder)

    monkeypatch.setattr(Store, "lock", finish_first)
    merged = merge(here, [there])
    assert (merged.copied, merged.same) == (0, int(score is None))
    assert here.read(record.id) == mine
    assert ["differ in scores" in line for line in merged.left_out] == ([] if score is None else [True])


def test_an_artefact_that_is_at_work_here_leaves_its_run_out(tmp_path: Path) -> None:
    record = dataclasses.replace(make_record(), artefacts=("warm",), meter={})
    here, there = machine(tmp_path / "a"), machine(tmp_path / "b", record)
    write_atomic(there.artefact_folder("warm") / "reference.pt", b"weights")
    with here.lock(here.artefact_folder("warm")):
        merged = merge(here, [there])
    assert merged.copied == 0
    assert "at work" in merged.left_out[0]
    assert merge(here, [there]).copied == 1


def test_what_only_puts_settings_in_words_is_no_result(tmp_path: Path) -> None:
    ours = make_record()
    theirs = dataclasses.replace(ours, selection_name="another", quality_target=0.9, variant={"projection": "none"})
    assert merge(machine(tmp_path / "a", ours), [machine(tmp_path / "b", theirs)]).same == 1


@pytest.mark.parametrize("name", ["artefacts", "published", ".hidden"])
def test_experiments_are_not_joined_in_a_folder_that_is_none(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [machine(tmp_path / side / "example", make_record()) for side in "ab"]
    folders = [str(store.folder) for store in stores]
    assert main(["merge", *folders, "--into", str(tmp_path / name)]) == 2
    assert f"--into={name}" in capsys.readouterr().err
    assert not (tmp_path / name).exists()
