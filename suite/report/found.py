"""What runs left beside their records and figures are drawn from: histories and found networks.

A figure shows a few runs of many, so files are read one run at a time and only when they are drawn. A file that is
missing or cannot be read leaves its run out of the figure, never the figure out of the report.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from suite.records.record import RecordError, RunRecord
from suite.records.store import Store
from suite.report.sheets import Row, Sheet

log = logging.getLogger(__name__)

MOST_SEEDS = 5
"""Runs of one method and budget whose files are read for a figure: the first by seed."""

_FILE_ERRORS = (OSError, ValueError, RecordError)


@dataclass(frozen=True)
class Entry:
    """One method at one budget: a row of `sheet`, and its first runs by seed."""

    row: Row
    method: str
    runs: pd.DataFrame

    @property
    def ids(self) -> list[str]:
        """The runs' ids, by seed."""
        return [str(run) for run in self.runs["id"]]


def entries(sheet: Sheet) -> Iterator[Entry]:
    """Every method of every row of the sheet."""
    shown = sheet.runs[sheet.runs["budget"].isin([row.budget for row in sheet.rows])]
    groups = dict(iter(shown.sort_values(["seed", "id"]).groupby(["budget", "method"])))
    for row in sheet.rows:
        for method in row.methods:
            yield Entry(row, method, groups[row.budget, method].head(MOST_SEEDS))


def rows_where(sheet: Sheet, kept: set[tuple[str, str]]) -> list[Row]:
    """The sheet's rows with only those methods whose (budget, method) is in `kept`; rows without any are left out."""
    rows = [row._replace(methods=tuple(m for m in row.methods if (row.budget, m) in kept)) for row in sheet.rows]
    return [row for row in rows if row.methods]


def more_seeds(sheet: Sheet) -> str:
    """A sentence for the caption where a method has more runs than are drawn, else ""."""
    largest = int(sheet.runs.groupby(["budget", "method"]).size().max())
    return f" Of up to {largest} runs, those of the first {MOST_SEEDS} seeds are drawn." if largest > MOST_SEEDS else ""


def history(store: Store, run_id: str) -> pd.DataFrame | None:
    """The run's history, a row per epoch; None where it has none that can be read."""
    path = store.run_folder(run_id) / "history.parquet"
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path)
    except _FILE_ERRORS as error:
        log.warning("%s: unreadable, left out of the figures: %s", path, error)
        return None


def history_columns(store: Store, run_id: str) -> list[str]:
    """The names of the history's columns, read without its values; none where it cannot be read, or is empty."""
    import pyarrow.parquet as pq  # only figures of epochs need it

    path = store.run_folder(run_id) / "history.parquet"
    if not path.exists():
        return []
    try:
        found = pq.read_metadata(path)
        return list(found.schema.to_arrow_schema().names) if found.num_rows else []
    except _FILE_ERRORS:
        return []


def architecture(store: Store, run_id: str) -> dict[str, Any] | None:
    """The found network as the run's architecture.json has it; None where it has none that can be read."""
    path = store.run_folder(run_id) / "architecture.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
    except _FILE_ERRORS as error:
        log.warning("%s: unreadable, left out of the figures: %s", path, error)
        return None
    return found if isinstance(found, dict) else None


def record(store: Store, run_id: str) -> RunRecord | None:
    """The run's record, for what is not in the frame; None where it cannot be read."""
    try:
        return store.read(run_id)
    except _FILE_ERRORS:
        return None
