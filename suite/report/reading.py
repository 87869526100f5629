"""The runs of a store as a frame; that of thousands of records is kept, so that to draw a figure again reads none."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pandas as pd

import suite.records.frame
import suite.records.record
import suite.records.store
from suite import SuiteError
from suite.data.files import replacing
from suite.records.frame import frame
from suite.records.store import Store, collector_paused

MANY = 1_000
"""Records from which on their frame is kept: fewer are read in a tenth of a second."""

KEPT = ".runs.parquet"
"""Its file in the experiment's folder; it can be removed at any time."""

_STATE = "state"


def read_runs(store: Store) -> pd.DataFrame:
    """`frame` of the store's usable records: what was kept of it, as long as no record file has changed since.

    Raises:
        SuiteError: the experiment has none; the text names its folder and the experiments that have some.
    """
    state = _state(store)
    kept = _kept(store.folder / KEPT, state)
    if kept is not None:
        return kept
    with collector_paused():
        records = store.records()
        if not records:
            raise SuiteError(_nothing(store))
        table = frame(records)
    if len(records) >= MANY and not store.broken():  # what is left out is to be named every time
        _keep(table, state, store.folder / KEPT)
    return table


def _state(store: Store) -> str:
    """What the frame follows from: the record files, and the code that reads them."""
    digest = hashlib.sha256(f"{store.state()} pandas {pd.__version__}".encode())
    for module in (suite.records.record, suite.records.store, suite.records.frame):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def _kept(path: Path, state: str) -> pd.DataFrame | None:
    """The frame that was kept of this state, if any."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):  # none, or not one of ours
        return None
    return table if table.attrs.pop(_STATE, None) == state else None


def _keep(table: pd.DataFrame, state: str, path: Path) -> None:
    marked = table.copy(deep=False)
    marked.attrs[_STATE] = state
    with suppress(OSError), replacing(path) as file:  # a folder that is only to be read is not an error
        marked.to_parquet(file, index=False)


def _nothing(store: Store) -> str:
    broken = "".join(f"; left out {path}: {reason}" for _, path, reason in store.broken()[:3])
    found = sorted({path.parents[2].name for path in store.root.glob("*/runs/*/record.json")})
    others = "" if broken else f". Experiments with records: {', '.join(found) or 'none'}"
    return f"{store.folder}: no records to report on{broken}{others}"
