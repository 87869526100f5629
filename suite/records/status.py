"""What an experiment has done, what runs and what is missing, from its plan notes, claims, checkpoints and records."""

import json
import shutil
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from suite.records.claims import living_claim, read_claim
from suite.records.plan_note import PLAN_NOTE, UNKNOWN_PLAN, PlanNote
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.records.tensors import load_tensors
from suite.records.verdict import describe_fit

STATES = ("done", "running", "interrupted", "failed", "missing", "unreadable")

_UNFINISHED = ("running", "interrupted", "missing")


@dataclass(frozen=True)
class Spent:
    """How far a run is, by its newest heartbeat or checkpoint.

    `macs` are those of its meter, in MACs x samples; `trials` are networks trained one after the other, each of which
    has a meter of its own; `label` is the phase or trial.
    """

    macs: float
    trials: int
    label: str


@dataclass(frozen=True)
class RunState:
    """How one planned run stands. `note` is what there is to say: its score, its error, how far it is; `owner` is the
    process that works on it.
    """

    id: str
    plan: PlanNote
    state: str
    note: str = ""
    record: RunRecord | None = None
    spent: Spent | None = None
    owner: str = ""

    @property
    def kind(self) -> tuple[object, ...]:
        """What runs of about the same length share."""
        plan = self.plan
        return (plan.benchmark, plan.method, json.dumps(plan.variant, sort_keys=True), plan.preset, plan.device)


def run_states(store: Store) -> list[RunState]:
    """Every run of the experiment that was planned or has a record, in the order of preset, device and label.

    A run is "running" while a living process claims it, "interrupted" where one was stopped or killed before it ended,
    "missing" where none has begun it, "unreadable" where the record is, or is left out of reports for another reason.
    Takes no lock.
    """
    broken = {entry.run_id: entry.reason for entry in store.broken()}
    records = {record.id: record for record in store.records()}
    states = (_state(store, run_id, records.get(run_id), broken.get(run_id)) for run_id in store.run_ids())
    return sorted(filter(None, states), key=lambda s: (s.plan.preset, s.plan.device, s.plan.label, s.id))


def forget_plans(store: Store) -> int:
    """Remove the folders that hold the plan of a run and nothing else, such as those of a sweep that was given up.

    Returns how many were removed. A run that has begun, failed, or is being claimed just now stays.
    """
    removed = 0
    for run_id in store.run_ids():
        folder = store.run_folder(run_id)
        if not (folder / PLAN_NOTE).is_file():
            continue
        with suppress(Timeout, OSError), store.lock(folder).acquire(timeout=0):
            if {path.name for path in folder.iterdir()} - {".lock"} == {PLAN_NOTE}:
                shutil.rmtree(folder)
                removed += 1
    return removed


def _state(store: Store, run_id: str, record: RunRecord | None, broken: str | None) -> RunState | None:
    content = None if record else store.read_file(run_id, PLAN_NOTE)
    if record is None and content is None and broken is None:
        return None  # an empty folder: nothing was planned
    plan = PlanNote.of(record) if record else UNKNOWN_PLAN if content is None else PlanNote.from_json(content)
    if broken is not None:
        return RunState(run_id, plan, "unreadable", broken)
    folder = store.run_folder(run_id)
    if claim := living_claim(folder):  # a failed one that is tried again has a record as well
        spent = _spent(folder / "checkpoints")
        note = spent.label if spent else "before its first checkpoint"
        return RunState(run_id, plan, "running", note, spent=spent, owner=claim.owner)
    if record is None:
        last = read_claim(folder)
        if last is None and not any((folder / "checkpoints").glob("*")):
            return RunState(run_id, plan, "missing")
        note = f"{(last.ended if last else '') or 'killed'}: the same command continues it"
        return RunState(run_id, plan, "interrupted", note, spent=_spent(folder / "checkpoints"))
    if record.status != "done":
        return RunState(run_id, plan, "failed", (record.error or record.status).splitlines()[0])
    score = record.scores.get("test")
    score_text = "no score" if score is None else f"{score:.4f}"
    return RunState(run_id, plan, "done", f"{score_text}, {describe_fit(record)}", record)


def _spent(checkpoints: Path) -> Spent | None:
    """What the newest readable heartbeat or checkpoint of a run tells."""
    trials = sum(path.stem.startswith("trial-") for path in checkpoints.glob("*.pt"))
    paths = [*checkpoints.glob("*.beat"), *checkpoints.glob("*.pt")]
    for path in sorted(paths, key=_modified, reverse=True):
        try:
            macs = sum(map(_macs, load_tensors(path)["meter"].values()))
        except Exception:  # it may vanish under our eyes, and is only a hint
            continue
        return Spent(macs, trials, path.stem)
    return None


def _macs(usage: object) -> float:
    macs = usage["macs"] if isinstance(usage, dict) else None
    if not isinstance(macs, int | float):
        raise TypeError("no usage of a meter")
    return float(macs)


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def seconds_left(states: Sequence[RunState]) -> dict[str, float]:
    """Run -> seconds that it still needs, for unfinished runs of a kind of which some have finished.

    A guess: what finished runs of the same benchmark, method, preset and device took in the median, less the share of
    their MACs, or of their trials, that the run has behind it.
    """
    finished: dict[tuple[object, ...], list[Mapping[str, float]]] = defaultdict(list)
    for state in states:
        if state.record is not None and state.record.meter.get("total"):
            finished[state.kind].append(state.record.meter["total"])
    unfinished = [s for s in states if s.state in _UNFINISHED and s.kind in finished]
    return {s.id: _seconds_left(s.spent, finished[s.kind]) for s in unfinished}


def _seconds_left(spent: Spent | None, finished: Sequence[Mapping[str, float]]) -> float:
    """The rest of a run that is as far as `spent`, by what `finished` runs took in total."""
    keys = ("wall_s", "macs", "networks")
    wall_s, macs, networks = (statistics.median(float(total.get(key, 0)) for total in finished) for key in keys)
    if spent is None:
        return wall_s
    done = spent.trials / max(networks, 1) if spent.trials else spent.macs / max(macs, 1)
    return wall_s * (1 - min(done, 1.0))


def totals(states: Sequence[RunState], left: Mapping[str, float]) -> str:
    """The counts, and the time left where something runs: "3 of 8 runs done, 1 running; about 20 min left"."""
    counts = Counter(state.state for state in states)
    parts = [f"{counts[name]} {name}" for name in STATES[1:] if counts[name]]
    text = ", ".join([f"{counts['done']} of {counted(len(states), 'run')} done", *parts])
    if not counts["running"]:
        return text
    known = [left[s.id] for s in states if s.id in left]
    if not known:
        return f"{text}; time left unknown: no finished run to judge by"
    unknown = sum(counts[name] for name in _UNFINISHED) - len(known)
    beside = f" and {counted(unknown, 'run')} of unknown length" if unknown else ""
    several = f" with {counts['running']} at a time" if counts["running"] > 1 else ""
    return f"{text}; about {readable_duration(sum(known) / counts['running'])}{beside} left{several}"


def counted(count: int, noun: str) -> str:
    """ "1 run", "2 runs"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def readable_duration(seconds: float) -> str:
    """Seconds as a person would say them: "40 s", "12 min", "1.6 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
