"""Runs of an experiment that left no usable record: unreadable, interrupted, running or missing."""

from collections.abc import Collection

import pandas as pd

from suite.records.status import run_states
from suite.records.store import Store


def absent_runs_table(store: Store, recorded_ids: Collection[str]) -> pd.DataFrame:
    """All planned runs whose id is not among `recorded_ids`.

    Columns: `id`, `run` (its label), `preset`, `device`, `status` (as `RunState.state`) and `error` (its note).
    """
    states = [s for s in run_states(store) if s.id not in recorded_ids]
    rows = [[s.id, s.plan.label, s.plan.preset, s.plan.device, s.state, s.note] for s in states]
    return pd.DataFrame(rows, columns=["id", "run", "preset", "device", "status", "error"])
