"""Runs of an experiment that left no usable record: unreadable, running or missing."""

from collections.abc import Collection

import pandas as pd

from suite.records.status import run_states
from suite.records.store import Store


def absent_runs_table(store: Store, recorded_ids: Collection[str]) -> pd.DataFrame:
    """All planned runs whose id is not among `recorded_ids`.

    Columns: `id`, `run` (its label), `preset`, `device`, `status` ("missing", "running" or "unreadable") and `error`.
    """
    runs = store.folder / "runs"
    folders = {path.name for path in runs.iterdir() if path.is_dir()} if runs.is_dir() else set()
    # Locks and plans of ten thousand runs take seconds to look at: only where something is absent.
    states = run_states(store) if folders - set(recorded_ids) else []
    rows = [[s.id, s.label, *s.place, s.state, s.note] for s in states if s.id not in recorded_ids]
    return pd.DataFrame(rows, columns=["id", "run", "preset", "device", "status", "error"])
