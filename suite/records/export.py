"""An experiment as one tidy file, a row a run, for analyses of one's own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from suite import SuiteError
from suite.data.files import replacing
from suite.records.deployment import Deployed, read_deployments
from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store

_SUFFIXES = (".csv", ".parquet")


def export_frame(records: Sequence[RunRecord], deployments: Mapping[str, Deployed] | None = None) -> pd.DataFrame:
    """The frame of the records with each variant as JSON: {"projection": "refill"}, {} for the default."""
    table = frame(records, deployments)
    return table.assign(variant=[json.dumps(dict(pairs)) for pairs in table["variant"]])


def export(store: Store, path: Path) -> int:
    """Write `export_frame` of the store's records to `path`, CSV or Parquet by its suffix; the number of rows.

    Failed runs are rows with their error. Numbers are in full precision and base units (bytes, MAC, seconds, joules);
    what a run lacks is empty. The file is whole or not there; one that is there is replaced.

    Raises:
        SuiteError: no records, an unknown suffix, a path among the runs, or one that cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise SuiteError(f"{path}: suffix {path.suffix or '(none)'} is unknown. Choices: {', '.join(_SUFFIXES)}")
    if path.resolve().is_relative_to((store.folder / "runs").resolve()):
        raise SuiteError(
            f"{path}: is among the runs that it is made from. Choose a file outside {store.folder / 'runs'}"
        )
    if path.is_dir():
        raise SuiteError(f"{path}: is a folder, not a file")
    records = store.records()
    if not records:
        raise SuiteError(f"{store.folder}: no records to export")
    table = export_frame(records, read_deployments(store, [record.id for record in records]))
    with replacing(path) as file:
        if suffix == ".csv":
            table.to_csv(file, index=False, lineterminator="\n")
        else:
            table.to_parquet(file, index=False)
    return len(table)
