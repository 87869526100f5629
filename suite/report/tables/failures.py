"""The runs that did not finish, with their errors, and those that left no usable record."""

from collections.abc import Collection

import pandas as pd

from suite.records.status import run_states
from suite.records.store import Store
from suite.report.grouping import GROUP, sort_by_setting
from suite.report.tables.text import leading_columns


def failure_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every run that did not finish, with its status and its whole error text."""
    failed = df.loc[df["status"] != "done", [*GROUP, "seed", "id", "status", "error"]]
    return sort_by_setting(failed, [*GROUP, "seed"])


def format_failure_table(table: pd.DataFrame, longest: int | None = 200) -> pd.DataFrame:
    """`failure_table` with errors cut to `longest` characters (None: whole)."""
    out = leading_columns(table)
    for column in ("seed", "id", "status"):
        out[column] = table[column].astype(str)
    out["error"] = [e if longest is None or len(e) <= longest else e[: longest - 1] + "…" for e in table["error"]]
    return out


def absent_runs_table(store: Store, recorded_ids: Collection[str]) -> pd.DataFrame:
    """All planned runs whose id is not among `recorded_ids`.

    Columns: `id`, `run` (its label), `preset`, `device`, `status` (as `RunState.state`) and `error` (its note).
    """
    states = [s for s in run_states(store) if s.id not in recorded_ids]
    rows = [[s.id, s.plan.label, s.plan.preset, s.plan.device, s.state, s.note] for s in states]
    return pd.DataFrame(rows, columns=["id", "run", "preset", "device", "status", "error"])
