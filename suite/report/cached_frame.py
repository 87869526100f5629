"""The frame of an experiment's runs, cached on disk where there are many, so that drawing a figure again is quick."""

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

CACHED_FROM = 1_000
"""Number of records from which on their frame is cached: fewer are read in a tenth of a second."""

CACHE_FILE = ".runs.parquet"
"""The cache in the experiment's folder; it can be removed at any time."""

_FINGERPRINT = "fingerprint"


def read_frame(store: Store) -> pd.DataFrame:
    """`frame` of the store's usable records, from the cache as long as no record file has changed since it was written.

    Raises:
        SuiteError: the experiment has none; the text names its folder and the experiments that have some.
    """
    fingerprint = _fingerprint(store)
    cached = _read_cache(store.folder / CACHE_FILE, fingerprint)
    if cached is not None:
        return cached
    with collector_paused():
        records = store.records()
        if not records:
            raise SuiteError(_no_records_message(store))
        table = frame(records)
    if len(records) >= CACHED_FROM and not store.broken():  # broken ones are to be named every time
        _write_cache(table, fingerprint, store.folder / CACHE_FILE)
    return table


def _fingerprint(store: Store) -> str:
    """A hash of all that the frame depends on: the record files, and the code that reads them."""
    digest = hashlib.sha256(f"{store.state()} pandas {pd.__version__}".encode())
    for module in (suite.records.record, suite.records.store, suite.records.frame):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def _read_cache(path: Path, fingerprint: str) -> pd.DataFrame | None:
    """The cached frame if it has this fingerprint, else None."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):  # none, or not one of ours
        return None
    return table if table.attrs.pop(_FINGERPRINT, None) == fingerprint else None


def _write_cache(table: pd.DataFrame, fingerprint: str, path: Path) -> None:
    marked = table.copy(deep=False)
    marked.attrs[_FINGERPRINT] = fingerprint
    with suppress(OSError), replacing(path) as file:  # a folder that is only to be read is not an error
        marked.to_parquet(file, index=False)


def _no_records_message(store: Store) -> str:
    broken = "".join(f"; left out {path}: {reason}" for _, path, reason in store.broken()[:3])
    experiments = sorted({path.parents[2].name for path in store.root.glob("*/runs/*/record.json")})
    others = "" if broken else f". Experiments with records: {', '.join(experiments) or 'none'}"
    return f"{store.folder}: no records to report on{broken}{others}"
