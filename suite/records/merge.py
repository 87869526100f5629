"""Joining the record folders of several machines: all is compared before anything is copied, nothing is lost."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.deployment import DEPLOYMENT
from suite.records.plan_note import PLAN_NOTE
from suite.records.record import RecordError, RunRecord
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
        parts = [f"{self.copied} runs copied"]
        for count, text in (
            (self.finished, "of them in place of failed ones"),
            (self.same, "already there"),
            (self.planned, "planned but not done"),
            (self.artefacts, "artefacts copied"),
            (self.deployments, "deployments copied"),
            (len(self.left_out), "left out"),
        ):
            parts += [f"{count} {text}"] if count else []
        return ", ".join(parts)


@dataclass(frozen=True)
class _Run:
    """A run's folder in one of the stores, its record, and why it must be left alone, if it must."""

    store: Store
    id: str
    record: RunRecord | None
    broken: str = ""

    @property
    def file(self) -> Path:
        return self.store.run_folder(self.id) / "record.json"

    @property
    def completeness(self) -> int:
        """Finished runs before failed ones before planned ones."""
        return 0 if self.record is None else 2 if self.record.status == "done" else 1


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
    chosen = {store.folder.resolve(): _runs(store) for store in (into, *sources)}
    if len(chosen) < 1 + len(sources):
        raise SuiteError(f"merge: {into.folder} and the others must be different folders")
    by_id: dict[str, list[_Run]] = {}
    for runs in chosen.values():
        for run in runs:
            by_id.setdefault(run.id, []).append(run)
    if conflicts := [conflict for _, runs in sorted(by_id.items()) for conflict in _list_conflicts(runs)]:
        raise SuiteError(
            f"one run with different results: {conflicts[0]}"
            + (f" ({len(conflicts)} such runs in all)" if len(conflicts) > 1 else "")
            + ". Nothing was copied; remove the one that is wrong"
        )
    into.check_writable()
    merged = Merged()
    for _, runs in sorted(by_id.items()):
        _join(into, runs, merged)
    return merged


def _runs(store: Store) -> list[_Run]:
    entries = store.entries()
    records = {entry.id: entry for entry in entries if isinstance(entry, RunRecord)}
    broken = {entry.run_id: entry.reason for entry in entries if isinstance(entry, Broken)}
    return [_Run(store, run_id, records.get(run_id), broken.get(run_id, "")) for run_id in store.run_ids()]


def _list_conflicts(runs: Sequence[_Run]) -> list[str]:
    """Differences between finished records of one run, which has one configuration and random seed, as text."""
    done = [(run, _results(run.record)) for run in runs if run.record is not None and run.completeness == 2]
    conflicts = []
    for run, results in done[1:]:
        first, reference = done[0]
        if differing := [name for name in reference if reference[name] != results[name]]:
            conflicts.append(f"{first.file} and {run.file} differ in {', '.join(differing)}")
    return conflicts


def _results(record: RunRecord) -> Mapping[str, str]:
    """The fields that are the run's results, as canonical text (NaN equals NaN), and what the search cost in MACs."""
    fields: dict[str, object] = {k: v for k, v in dataclasses.asdict(record).items() if k not in _NOT_RESULTS}
    fields["meter: standard trainings"] = record.meter.get("standard_trainings")
    return {name: json.dumps(value, sort_keys=True) for name, value in fields.items()}


def _join(into: Store, runs: Sequence[_Run], merged: Merged) -> None:
    """Bring one run to `into`, from the best of `runs`."""
    merged.left_out += [f"{run.file}: {run.broken}" for run in runs if run.broken]
    own = next((run for run in runs if run.store is into), None)
    if own is not None and own.broken:  # perhaps of a newer suite: not to be replaced
        return
    usable = [run for run in runs if not run.broken]
    if not usable:
        return
    best = max(usable, key=lambda run: run.completeness)  # the first of equals: that of `into` comes first
    if best is own:
        merged.same += sum(run.completeness > 0 for run in usable[1:])
        _copy_deployment(into, usable, merged)
        return
    try:
        with into.lock(into.run_folder(best.id)).acquire(timeout=0):
            _copy_unless_finished(into, best, merged)
    except Timeout:
        merged.left_out.append(f"{into.run_folder(best.id)}: it, or what it shares with other runs, is at work there")


def _copy_unless_finished(into: Store, run: _Run, merged: Merged) -> None:
    """Copy the run, whose lock is held, unless it has finished in `into` since the records were compared."""
    try:
        own = _Run(into, run.id, into.read(run.id))
    except RecordError as error:
        merged.left_out.append(str(error))
        return
    if own.completeness == 2:
        conflicts = _list_conflicts([own, run])
        merged.left_out += conflicts
        merged.same += not conflicts
    else:
        _copy_run(into, run, own, merged)


def _copy_run(into: Store, run: _Run, own: _Run, merged: Merged) -> None:
    target = into.run_folder(run.id)
    names = run.store.run_files(run.id)
    if run.record is None:
        if PLAN_NOTE in names:
            merged.planned += 1
            _copy_file(run, PLAN_NOTE, target)
        return
    for artefact in _artefacts(run.record):
        merged.artefacts += _copy_artefact(run.store, into, artefact)
    for name in names:
        if name != "record.json":
            _copy_file(run, name, target)
    _copy_file(run, "record.json", target)
    if run.record.status == "done":
        shutil.rmtree(target / "checkpoints", ignore_errors=True)  # of the failed one: nothing will continue it
    merged.copied += 1
    merged.finished += own.completeness == 1


def _copy_deployment(into: Store, runs: Sequence[_Run], merged: Merged) -> None:
    """Bring what interpreters said of a run that is finished in `into`, where another has it and `into` has not."""
    if runs[0].completeness < 2 or DEPLOYMENT in into.run_files(runs[0].id):
        return
    source = next((r for r in runs[1:] if r.completeness == 2 and DEPLOYMENT in r.store.run_files(r.id)), None)
    if source is not None:
        _copy_file(source, DEPLOYMENT, into.run_folder(source.id))
        merged.deployments += 1


def _copy_file(run: _Run, name: str, target: Path) -> None:
    content = run.store.read_file(run.id, name)
    if content is not None:
        write_atomic(target / name, content)


def _artefacts(record: RunRecord) -> list[str]:
    charged = (str(shared["artefact"]) for shared in record.meter.get("shared", {}).values())
    return sorted({*record.artefacts, *charged})


def _copy_artefact(source: Store, into: Store, artefact: str) -> bool:
    """Copy what a run shared with others; whether there was anything to copy."""
    old, new = source.artefact_folder(artefact), into.artefact_folder(artefact)
    if not old.is_dir() or old.resolve() == new.resolve():
        return False
    with into.lock(new).acquire(timeout=0):
        missing = [path for path in _files(old) if not (new / path.name).exists()]
        for path in missing:
            write_atomic(new / path.name, path.read_bytes())
    return bool(missing)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and not p.name.endswith((".lock", ".tmp")))
