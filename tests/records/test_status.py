"""What an experiment has done and what is missing."""

import dataclasses
import json
import math
import os
import platform
from pathlib import Path

import pytest
import torch
from rich.console import Console
from synthetic import board, make_failure, make_record

from suite.cli.main import main
from suite.cli.status import status_view
from suite.data.files import write_atomic
from suite.records.claims import claimed
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.status import forget_plans, run_states, seconds_left, totals
from suite.records.store import Store
from suite.records.tensors import save_tensors
from suite.records.verdict import describe_fit

LABEL = "digits | duccio | weights 25% + latency 50% | seed {}"


def planned(store: Store, run: str, seed: int = 0, method: str = "duccio") -> Path:
    note = PlanNote("digits", method, "weights 25% + latency 50%", seed, "paper", "nucleo_l4r5zi")
    write_atomic(store.run_folder(run) / PLAN_NOTE, note.to_json())
    return store.run_folder(run)


def beat(store: Store, run: str, macs: float, label: str = "search") -> None:
    folder = store.run_folder(run) / "checkpoints"
    folder.mkdir(exist_ok=True)
    save_tensors(folder / f"{label}.beat", {"meter": {"search": {"macs": macs, "wall_s": 1.0}}})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, "example")


def states(store: Store) -> dict[str, str]:
    return {state.id: state.state for state in run_states(store)}


def test_each_state_is_told(store: Store) -> None:
    done, failed = make_record(seed=0), make_failure(seed=1)
    for record in (done, failed):
        planned(store, record.id, record.seed)
        store.write(record)
    planned(store, "missing", 2)
    write_atomic(planned(store, "unreadable", 3) / "record.json", b"{torn")
    with claimed(planned(store, "running", 4)):
        found = states(store)
    expected = {done.id: "done", failed.id: "failed"}
    assert found == expected | {name: name for name in ("missing", "unreadable", "running")}


def test_a_run_fits_in_the_words_of_the_verdict(store: Store) -> None:
    records = [make_record(seed=0), make_record(seed=1, board=board(arena=90_112))]
    for record in records:
        store.write(record)
    notes = {state.id: state.note for state in run_states(store)}
    for record in records:
        assert notes[record.id].endswith(f", {describe_fit(record)}")
    assert notes[records[0].id].endswith("fits the budget; memory of the board unknown")
    assert notes[records[1].id].endswith("fits the budget, not the board (RAM 90,112 of 65,536 B)")


def test_plans_that_never_ran_are_forgotten_and_nothing_else(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    done = make_record(seed=0)
    planned(store, done.id)
    store.write(done)
    beat(store, planned(store, "begun", 1).name, 1.0)
    for run in ("never", "locked"):
        planned(store, run, 2)
    with claimed(planned(store, "running", 4)), store.lock(store.run_folder("locked")):
        assert main(["status", str(store.folder), "--forget"]) == 0
    assert set(states(store)) == {done.id, "begun", "running", "locked"}
    assert "never" not in capsys.readouterr().out
    assert forget_plans(store) == 2  # what was locked, and a claim that has ended
    assert set(states(store)) == {done.id, "begun"}


def test_an_experiment_that_has_not_begun_is_all_missing(store: Store) -> None:
    for seed in range(3):
        planned(store, f"run{seed}", seed)
    assert set(states(store).values()) == {"missing"}
    assert totals(run_states(store), {}) == "0 of 3 runs done, 3 missing"


def test_a_killed_run_is_interrupted_and_said_to_continue(store: Store) -> None:
    planned(store, "killed")
    beat(store, "killed", 1.0)
    (state,) = run_states(store)
    assert (state.state, state.note) == ("interrupted", "killed: the same command continues it")


def test_a_run_at_work_names_its_process_and_a_stopped_one_says_why(store: Store) -> None:
    with claimed(planned(store, "run")):
        (state,) = run_states(store)
    assert (state.state, state.owner.startswith(f"process {os.getpid()} on ")) == ("running", True)
    with pytest.raises(KeyboardInterrupt), claimed(store.run_folder("run")):
        raise KeyboardInterrupt("SIGTERM")
    (state,) = run_states(store)
    assert (state.state, state.note, state.owner) == ("interrupted", "SIGTERM: the same command continues it", "")


def test_looking_leaves_no_file_behind(store: Store) -> None:
    planned(store, "run")
    before = sorted(store.root.rglob("*"))
    run_states(store)
    assert sorted(store.root.rglob("*")) == before


def _claim(**changes: object) -> bytes:
    claim = {
        "host": "elsewhere",
        "pid": 1,
        "started": "1",
        "since": "now",
        "token": "t",
        "expires_s": 120.0,
        "ended": "",
    }
    return json.dumps(claim | changes).encode()


@pytest.mark.parametrize(
    "claim",
    [b"", b"[]", b"[" * 50_000, b"{}", _claim(odd=1), _claim(pid=None), _claim(pid=math.inf), _claim(expires_s="odd"),
     _claim(expires_s=[]), _claim(pid=2**80, host=platform.node())],
)  # fmt: skip
def test_a_claim_that_is_damaged_is_nobodys(claim: bytes, store: Store) -> None:
    (planned(store, "a") / "claim.json").write_bytes(claim)
    assert set(states(store).values()) <= {"missing", "interrupted"}


@pytest.mark.parametrize(
    "state",
    [{}, {"meter": None}, {"meter": {"search": 5}}, {"meter": {"search": {}}}, {"meter": {"search": {"macs": None}}},
     {"meter": {"search": {"macs": "many"}}}, {"meter": torch.zeros(3)}, {"meter": "odd"},
     {"meter": {"search": {"macs": torch.ones(1)}}}, {"meter": {"search": torch.ones(1)}}],
)  # fmt: skip
def test_a_heartbeat_that_is_none_is_a_run_before_its_first(state: dict, store: Store) -> None:
    folder = planned(store, "a") / "checkpoints"
    folder.mkdir()
    save_tensors(folder / "search.beat", state)
    (run,) = run_states(store)
    assert (run.state, run.spent) == ("interrupted", None)


@pytest.mark.parametrize("plan", [b"[" * 50_000, b'{"seed": 1e999}', b"\xff", b'"odd"', b"9" * 5000])
def test_a_damaged_plan_is_said_to_be_unreadable(plan: bytes, store: Store) -> None:
    write_atomic(store.run_folder("a") / PLAN_NOTE, plan)
    (state,) = run_states(store)
    assert "plan.json is unreadable" in state.plan.label


@pytest.mark.parametrize("plan", [b"", b"[]", b'{"label": 1}', None])
def test_a_broken_or_missing_plan_hides_no_run(plan: bytes | None, store: Store) -> None:
    record = make_record()
    store.write(record)
    if plan is not None:
        write_atomic(store.run_folder(record.id) / "plan.json", plan)
    (store.folder / "runs" / "stray.txt").write_text("")
    (state,) = run_states(store)
    assert (state.state, state.plan.label) == ("done", f"digits | duccio | {record.budget} | seed 0")


def test_an_older_version_of_a_benchmark_is_named(store: Store) -> None:
    new = make_record(seed=1)
    newer = {**new.config, "benchmark": {"name": "digits", "version": 2}}
    for record in (make_record(), dataclasses.replace(new, config=newer)):
        planned(store, record.id, record.seed)
        store.write(record)
    assert sorted(states(store).values()) == ["done", "unreadable"]


def test_time_left_is_the_share_of_macs_that_finished_runs_had_to_do(store: Store) -> None:
    for seed, (macs, wall) in enumerate([(100, 60.0), (200, 120.0), (300, 180.0)]):
        record = make_record(seed=seed, meter={"total": {"macs": macs, "wall_s": wall, "networks": 2}})
        planned(store, record.id, seed)
        store.write(record)
    with claimed(planned(store, "running", 4)):
        beat(store, "running", 150)
        planned(store, "waiting", 5)
        planned(store, "other", 0, "nsga2")
        found = run_states(store)
    left = seconds_left(found)
    assert left == {"running": pytest.approx(30.0), "waiting": pytest.approx(120.0)}
    assert totals(found, left).endswith(
        "3 of 6 runs done, 1 running, 2 missing; about 2 min and 1 run of unknown length left"
    )


def test_time_left_of_a_search_by_trials_counts_trials(store: Store) -> None:
    record = make_record(meter={"total": {"macs": 1e9, "wall_s": 100.0, "networks": 10}})
    planned(store, record.id)
    store.write(record)
    with claimed(planned(store, "running", 1)):
        beat(store, "running", 1.0, "trial-3")
        for trial in range(4):
            save_tensors(store.run_folder("running") / "checkpoints" / f"trial-{trial}.pt", {"meter": {}})
        left = seconds_left(run_states(store))
    assert left == {"running": pytest.approx(60.0)}


def test_nothing_is_guessed_without_a_finished_run(store: Store) -> None:
    with claimed(planned(store, "running")):
        found = run_states(store)
    assert seconds_left(found) == {}
    assert "time left unknown" in totals(found, {})


@pytest.mark.parametrize("width", [80, 140])
def test_everything_is_there_and_no_line_is_longer_than_the_terminal(width: int, store: Store) -> None:
    record = make_failure(error="RuntimeError: " + "long " * 30)
    planned(store, record.id)
    store.write(record)
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(status_view(store))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    words = "".join(text.split())
    assert "".join(LABEL.format(0).split()) in words or width == 80
    assert "failed" in text
    assert text.count("long") >= 30
    assert "0 of 1 run done, 1 failed" in text


def test_the_command_filters_by_state_and_refuses_others(store: Store, capsys: pytest.CaptureFixture) -> None:
    record = make_record()
    store.write(record)
    planned(store, "feedfeed", 7)
    assert main(["status", str(store.folder), "--only", "missing,failed"]) == 0
    out = capsys.readouterr().out
    assert "feedfeed" in out
    assert record.id not in out
    assert "1 of 2 runs done, 1 missing" in out
    assert main(["status", str(store.folder), "--only", "lost"]) == 2
    assert "done, running, interrupted, failed, missing, unreadable" in capsys.readouterr().err
