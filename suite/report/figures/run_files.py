"""The files beside a run's record that figures are drawn from: its history and the architecture of its network.

A figure shows a few runs of many, so files are read one run at a time and only when they are drawn. A file that is
missing or cannot be read leaves its run out of the figure, never the figure out of the report.
"""

import io
import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd

from suite.records.record import RecordError, RunRecord
from suite.records.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

HISTORY = "history.parquet"
ARCHITECTURE = "architecture.json"

_FILE_ERRORS = (OSError, ValueError, RecordError, RecursionError)


def read_history(store: Store, run_id: str) -> pd.DataFrame | None:
    """The run's history, a row per epoch; None where it has none that can be read."""
    return _read(store, run_id, HISTORY, lambda content: pd.read_parquet(io.BytesIO(content)))


def read_architecture(store: Store, run_id: str) -> dict[str, Any] | None:
    """The returned network as the run's architecture.json has it; None where it has none that can be read."""
    architecture = _read(store, run_id, ARCHITECTURE, json.loads)
    return architecture if isinstance(architecture, dict) else None


def read_record(store: Store, run_id: str) -> RunRecord | None:
    """The run's record, for what is not in the frame; None where it cannot be read."""
    try:
        return store.read(run_id)
    except _FILE_ERRORS:
        return None


def _read(store: Store, run_id: str, name: str, parse: Callable[[bytes], T]) -> T | None:
    """A parsed file of the run; None, with a warning, where it cannot be read."""
    try:
        content = store.read_file(run_id, name)
        return None if content is None else parse(content)
    except _FILE_ERRORS as error:
        log.warning("%s: unreadable, left out of the figures: %s", store.run_folder(run_id) / name, error)
        return None
