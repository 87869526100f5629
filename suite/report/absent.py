"""Runs of an experiment that left no record a report could use: unreadable, running or missing."""

from collections.abc import Collection

import pandas as pd

from suite.records.status import run_states
from suite.records.store import Store


def absent_table(store: Store, known: Collection[str]) -> pd.DataFrame:
    """Columns `id`, `run` (its label), `preset`, `device`, `status` and `error` of all planned runs not in `known`."""
    # Plans of ten thousand runs take seconds to look at: only where something is absent.
    states = run_states(store) if set(store.run_ids()) - set(known) else []
    rows = [[s.id, s.plan.label, s.plan.preset, s.plan.device, s.state, s.note] for s in states if s.id not in known]
    return pd.DataFrame(rows, columns=["id", "run", "preset", "device", "status", "error"])
