"""What an experiment has done, what runs and what is missing, from its plan notes, locks, checkpoints and records."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from suite.records.record import RunRecord
from suite.records.store import Store, load_tensors

STATES = ("done", "running", "failed", "missing", "unreadable")


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
    """How one planned run stands. `note` is what there is to say: its score, its error, how far it is."""

    id: str
    label: str
    place: tuple[str, str]
    state: str
    note: str = ""
    record: RunRecord | None = None
    spent: Spent | None = None

    @property
    def kind(self) -> tuple[str, ...]:
        """What runs of about the same length share: benchmark and method by the label, preset and device."""
        return (*self.label.split(" | ")[:2], *self.place)


def run_states(store: Store) -> list[RunState]:
    """Every run of the experiment that was planned or has a record, by label.

    A run is "running" while a process holds its lock, "missing" where there is neither lock nor record (killed ones
    among them), "unreadable" where the record is, or is left out of reports for another reason.
    """
    broken = {entry.path.parent.name: entry.reason for entry in store.broken()}
    records = {record.id: record for record in store.records()}
    folders = [path for path in (store.folder / "runs").iterdir() if path.is_dir()]
    states = [_state(folder, records.get(folder.name), broken.get(folder.name)) for folder in folders]
    return sorted((s for s in states if s is not None), key=lambda s: (s.place, s.label, s.id))


def _state(folder: Path, record: RunRecord | None, broken: str | None) -> RunState | None:
    note = _plan_note(folder, record)
    if note is None and broken is None:
        return None  # an empty folder: nothing was planned
    label, *place = note or ("?", "?", "?")
    head = (folder.name, label, (place[0], place[1]))
    if broken is not None:
        return RunState(*head, "unreadable", broken)
    running = _is_locked(folder)
    if running:  # a failed one that is tried again has a record as well
        spent = _spent(folder / "checkpoints")
        return RunState(*head, "running", spent.label if spent else "before its first checkpoint", spent=spent)
    if record is None:
        begun = any((folder / "checkpoints").glob("*"))
        return RunState(*head, "missing", "was begun: the same command continues it" if begun else "")
    if record.status != "done":
        return RunState(*head, "failed", (record.error or record.status).splitlines()[0])
    score = record.scores.get("test")
    told = "no score" if score is None else f"{score:.4f}"
    return RunState(*head, "done", f"{told}, {'fits' if record.feasible else 'over budget'}", record)


def _plan_note(folder: Path, record: RunRecord | None) -> tuple[str, str, str] | None:
    """(label, preset, device) as planned, or as recorded where there is no readable plan."""
    path = folder / "plan.json"
    try:
        note = json.loads(path.read_bytes())
        return str(note["label"]), str(note["preset"]), str(note["device"])
    except (OSError, ValueError, KeyError, TypeError):
        if record is None:
            return ("? (plan.json is unreadable)", "?", "?") if path.exists() else None
        label = " | ".join((record.benchmark, record.method, record.budget, f"seed {record.seed}"))
        return label, record.preset, record.device


def _is_locked(folder: Path) -> bool:
    """Whether a process is at this run. Makes no lock file where there is none."""
    path = folder / ".lock"
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that we may only read
        return False


def _spent(checkpoints: Path) -> Spent | None:
    """What the newest readable heartbeat or checkpoint of a run tells."""
    trials = sum(path.stem.startswith("trial-") for path in checkpoints.glob("*.pt"))
    paths = [*checkpoints.glob("*.beat"), *checkpoints.glob("*.pt")]
    for path in sorted(paths, key=_modified, reverse=True):
        try:
            meter = load_tensors(path)["meter"]
        except Exception:  # it may vanish under our eyes, and is only a hint
            continue
        return Spent(sum(usage["macs"] for usage in meter.values()), trials, path.stem)
    return None


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


@dataclass(frozen=True)
class _Usual:
    """What finished runs of a kind took: medians of seconds, MACs x samples and networks trained."""

    wall_s: float
    macs: float
    networks: float

    @classmethod
    def of(cls, records: Sequence[RunRecord]) -> "_Usual":
        totals = [record.meter["total"] for record in records]
        return cls(*(statistics.median(float(t.get(key, 0)) for t in totals) for key in ("wall_s", "macs", "networks")))

    def seconds_left(self, spent: Spent | None) -> float:
        """The rest of a run that is as far as `spent`."""
        if spent is None:
            return self.wall_s
        done = spent.trials / max(self.networks, 1) if spent.trials else spent.macs / max(self.macs, 1)
        return self.wall_s * (1 - min(done, 1.0))


def seconds_left(states: Sequence[RunState]) -> dict[str, float]:
    """Run -> seconds that it still needs, for running and missing runs of a kind of which some have finished.

    A guess: what finished runs of the same benchmark, method, preset and device took in the median, less the share of
    their MACs, or of their trials, that the run has behind it.
    """
    finished: dict[tuple[str, ...], list[RunRecord]] = defaultdict(list)
    for state in states:
        if state.record is not None and state.record.meter.get("total"):
            finished[state.kind].append(state.record)
    usual = {kind: _Usual.of(records) for kind, records in finished.items()}
    open_ = [s for s in states if s.state in ("running", "missing") and s.kind in usual]
    return {s.id: usual[s.kind].seconds_left(s.spent) for s in open_}


def totals(states: Sequence[RunState], left: Mapping[str, float]) -> str:
    """The counts, and the time left where something runs: "3 of 8 runs done, 1 running; about 20 min left"."""
    counts = Counter(state.state for state in states)
    parts = [f"{counts[name]} {name}" for name in STATES[1:] if counts[name]]
    text = ", ".join([f"{counts['done']} of {len(states)} runs done", *parts])
    if not counts["running"]:
        return text
    known = [left[s.id] for s in states if s.id in left]
    if not known:
        return f"{text}; time left unknown: no finished run to judge by"
    unknown = counts["running"] + counts["missing"] - len(known)
    beside = f" and {unknown} runs of unknown length" if unknown else ""
    several = f" with {counts['running']} at a time" if counts["running"] > 1 else ""
    return f"{text}; about {readable_duration(sum(known) / counts['running'])}{beside} left{several}"


def readable_duration(seconds: float) -> str:
    """Seconds as a person would say them: "40 s", "12 min", "1.6 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
