"""Joining the record folders of several machines: all is compared before anything is copied, nothing is lost."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.archive import DEPLOYMENT
from suite.records.plan_note import PLAN_NOTE
from suite.records.record import RunRecord
from suite.records.store import Broken, Store

_NOT_RESULTS = (
    *("experiment", "environment", "finished", "schema", "meter", "error", "artefacts", "checksums"),
    *("variant", "options", "preset", "budget", "selection", "selection_name", "quality_target", "data_note"),
)
"""Fields that say where, when and how fast a run was, or put its settings in words; machines may differ in them."""


@dataclass
class Merged:
    """What a merge did, as counts of runs, artefacts and deployments, and what it could not do."""

    copied: int = 0
    finished: int = 0
    same: int = 0
    planned: int = 0
    artefacts: int = 0
    deployments: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """One line for people."""
        counts = {
            "of them in place of failed ones": self.finished,
            "already there": self.same,
            "planned but not done": self.planned,
            "artefacts copied": self.artefacts,
            "deployments copied": self.deployments,
            "left out": len(self.left_out),
        }
        return ", ".join([f"{self.copied} runs copied", *(f"{n} {text}" for text, n in counts.items() if n)])


class _Run(NamedTuple):
    """A run in one of the stores, as `Store.entry` has it; a broken one must be left alone."""

    store: Store
    id: str
    entry: RunRecord | Broken | None

    @property
    def file(self) -> Path:
        return self.store.run_folder(self.id) / "record.json"

    @property
    def completeness(self) -> int:
        """3 for a finished run, 2 for a failed one, 1 for a planned one, 0 for one that is not there or broken."""
        if isinstance(self.entry, RunRecord):
            return 3 if self.entry.status == "done" else 2
        return int(self.entry is None and PLAN_NOTE in self.store.run_files(self.id))


def merge(into: Store, sources: Sequence[Store]) -> Merged:
    """Copy to `into` what the `sources` have and it has not: runs, plan notes, and the artefacts that runs name.

    Of a run that several have, the first finished one is taken, or the first failed one where none is finished; what
    `into` has is replaced only where it failed and another finished, and where it finished without being deployed it
    gets another's `deploy.json`. Run folders are copied as they are, `record.json` last, so that an interrupted merge
    is simply done again; checkpoints stay where they are. Unreadable records on either side, and runs that are at work
    in `into`, are left out and named.

    Raises:
        SuiteError: two finished records of one run differ in their results; nothing was copied.
    """
    stores = (into, *sources)
    if len({store.folder.resolve() for store in stores}) < len(stores):
        raise SuiteError(f"merge: {into.folder} and the others must be different folders")
    ids = sorted({run_id for store in stores for run_id in store.run_ids()})
    runs = [[_Run(store, run_id, store.entry(run_id)) for store in stores] for run_id in ids]
    if conflicts := [conflict for same in runs for conflict in _list_conflicts(same)]:
        raise SuiteError(
            f"one run with different results: {conflicts[0]}"
            + (f" ({len(conflicts)} such runs in all)" if len(conflicts) > 1 else "")
            + ". Nothing was copied; remove the one that is wrong"
        )
    into.check_writable()
    merged = Merged()
    for own, *others in runs:
        _join(own, others, merged)
    return merged


def _list_conflicts(runs: Sequence[_Run]) -> list[str]:
    """Differences between finished records of one run, which has one configuration and random seed, as text."""
    entries = [(run.file, run.entry) for run in runs if isinstance(run.entry, RunRecord)]
    done = [(file, _results(record)) for file, record in entries if record.status == "done"]
    conflicts = []
    for file, results in done[1:]:
        first, reference = done[0]
        if differing := [name for name in reference if reference[name] != results[name]]:
            conflicts.append(f"{first} and {file} differ in {', '.join(differing)}")
    return conflicts


def _results(record: RunRecord) -> Mapping[str, str]:
    """The fields that are the run's results, as canonical text (NaN equals NaN), and what the search cost in MACs."""
    fields: dict[str, object] = {k: v for k, v in dataclasses.asdict(record).items() if k not in _NOT_RESULTS}
    fields["meter: standard trainings"] = record.meter.get("standard_trainings")
    return {name: json.dumps(value, sort_keys=True) for name, value in fields.items()}


def _join(own: _Run, others: Sequence[_Run], merged: Merged) -> None:
    """Bring a run to the store of `own`, which need not have it, from the best of `others`."""
    merged.left_out += [f"{run.file}: {run.entry.reason}" for run in (own, *others) if isinstance(run.entry, Broken)]
    if isinstance(own.entry, Broken):  # perhaps of a newer suite: not to be replaced
        return
    best = max((own, *others), key=lambda run: run.completeness)  # the first of equals
    if best is own:
        merged.same += sum(run.completeness > 1 for run in others)
        merged.deployments += _copy_deployment(own, others)
        return
    into = own.store
    try:
        with into.lock(into.run_folder(own.id)).acquire(timeout=0):
            own = _Run(into, own.id, into.entry(own.id))  # it may have finished since the records were compared
            if isinstance(own.entry, Broken):
                merged.left_out.append(f"{own.file}: {own.entry.reason}")
            elif own.completeness == 3:
                conflicts = _list_conflicts([own, best])
                merged.left_out += conflicts
                merged.same += not conflicts
            else:
                _copy_run(best, own, merged)
    except Timeout:
        merged.left_out.append(f"{into.run_folder(own.id)}: it, or what it shares with other runs, is at work there")


def _copy_run(run: _Run, own: _Run, merged: Merged) -> None:
    """Copy a run to the store of `own`, whose lock is held."""
    if not isinstance(run.entry, RunRecord):
        merged.planned += 1
        _copy_file(run, PLAN_NOTE, own.store)
        return
    merged.artefacts += _copy_artefacts(run.entry, run.store, own.store)
    for name in sorted(run.store.run_files(run.id), key=lambda name: name == "record.json"):
        _copy_file(run, name, own.store)
    if run.entry.status == "done":  # nothing will continue a failed one
        shutil.rmtree(own.store.run_folder(run.id) / "checkpoints", ignore_errors=True)
    merged.copied += 1
    merged.finished += own.completeness == 2


def _copy_deployment(own: _Run, others: Sequence[_Run]) -> bool:
    """Bring what interpreters said of a finished run, where another has it and `own` has not; whether one had."""
    deployed = [r for r in (own, *others) if r.completeness == 3 and DEPLOYMENT in r.store.run_files(r.id)]
    if not deployed or deployed[0] is own:
        return False
    _copy_file(deployed[0], DEPLOYMENT, own.store)
    return True


def _copy_file(run: _Run, name: str, into: Store) -> None:
    content = run.store.read_file(run.id, name)
    if content is not None:
        write_atomic(into.run_folder(run.id) / name, content)


def _copy_artefacts(record: RunRecord, source: Store, into: Store) -> int:
    """Copy what a run shared with others; of how many artefacts there was anything to copy."""
    charged = (shared["artefact"] for shared in record.meter.get("shared", {}).values())
    copied = 0
    for artefact in sorted({*record.artefacts, *charged}):
        new = into.artefact_folder(artefact)
        files = [path for path in source.artefact_folder(artefact).glob("*") if path.is_file()]
        whole = [path for path in files if not path.name.endswith((".lock", ".tmp"))]
        if missing := [path for path in whole if not (new / path.name).exists()]:
            with into.lock(new).acquire(timeout=0):
                for path in missing:
                    write_atomic(new / path.name, path.read_bytes())
            copied += 1
    return copied
