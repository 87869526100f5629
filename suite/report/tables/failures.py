"""The runs that did not finish, with their errors."""

import pandas as pd

from suite.report.grouping import GROUP
from suite.report.tables.ordering import sort_by_setting
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
