"""The run that a person means: a folder, an id or the start of one, or the best run of an experiment."""

from pathlib import Path
from typing import NamedTuple

from suite import SuiteError
from suite.records.record import RunRecord
from suite.records.store import RESERVED_NAMES, Store


class FoundRun(NamedTuple):
    """A finished run and where it lies."""

    store: Store
    record: RunRecord

    @property
    def folder(self) -> Path:
        """results/<experiment>/runs/<id>."""
        return self.store.run_folder(self.record.id)


def find_run(text: str, results: Path, *, best: bool = False) -> FoundRun:
    """The finished run that `text` names.

    Args:
        text: a run's folder, its id or the first digits of it, or with `best` an experiment's name or folder.
        results: the folder of experiments.
        best: of an experiment, the run with the best validation score among those within their budget.

    Raises:
        SuiteError: no run, or more than one, is meant; or it is not finished.
    """
    if best:
        return _best_of(text, results)
    path = Path(text).expanduser().resolve()
    if text and path.is_dir() and path.parent.name == "runs":
        return _finished(Store(path.parents[2], path.parents[1].name), path.name)
    if text and (_experiment(text, results) is not None):
        raise SuiteError(f"{text}: an experiment; name one of its runs, or add --best")
    stores = [Store(results, folder.name) for folder in sorted(results.glob("*/")) if folder.name not in RESERVED_NAMES]
    found = [(store.experiment, run) for store in stores for run in store.run_ids() if text and run.startswith(text)]
    if not found:
        raise SuiteError(
            f"{text}: no such run in {results}, and no folder EXPERIMENT/runs/ID; `suite status EXPERIMENT` lists runs"
        )
    if len(found) > 1:
        places = ", ".join(f"{experiment}/runs/{run}" for experiment, run in found[:5])
        raise SuiteError(f"{text}: {len(found)} runs in {results} begin so: {places}")
    return _finished(Store(results, found[0][0]), found[0][1])


def _finished(store: Store, run_id: str) -> FoundRun:
    record = store.read(run_id)
    if record is None or record.status != "done":
        state = "has not ended" if record is None else f"failed ({record.error})"
        raise SuiteError(f"run {run_id} of experiment {store.experiment} {state}: there is no network")
    return FoundRun(store, record)


def _experiment(text: str, results: Path) -> Store | None:
    """The experiment with runs that a name in `results`, or a folder, stands for."""
    for folder in (results / text, Path(text).expanduser()):
        store = Store(folder.resolve().parent, folder.resolve().name)
        if store.run_ids():
            return store
    return None


def _best_of(text: str, results: Path) -> FoundRun:
    store = _experiment(text, results)
    if store is None:
        raise SuiteError(f"{text}: no experiment with runs in {results}; `suite run name={text}` would make them")
    records = [r for r in store.records() if r.status == "done" and r.feasible and "validation" in r.scores]
    if not records:
        raise SuiteError(f"{text}: no finished run of it is within its budget")
    if len(benchmarks := sorted({r.benchmark for r in records})) > 1:
        raise SuiteError(f"{text}: runs of several benchmarks ({', '.join(benchmarks)}) have no best; name a run")
    return FoundRun(store, max(records, key=lambda r: (r.scores["validation"], r.id)))
