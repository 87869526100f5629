"""What figures say of boards and of extrapolated costs."""

import pandas as pd

from suite.report.tables.extrapolation import is_extrapolated, join_reasons
from suite.report.tables.text import metric_label


def fits_budget_and_board(runs: pd.DataFrame) -> pd.Series:
    """Which runs are within their budget and not known to exceed the board, bool (N,)."""
    exceeds = runs["board_fits"].map(lambda fits: fits is False).astype(bool)
    return runs["feasible"].astype(bool) & ~exceeds


def board_note(runs: pd.DataFrame) -> str:
    """A sentence for the caption where the board of some runs is unknown, else ""."""
    unknown = runs["board_fits"].isna()
    if not unknown.any():
        return ""
    where = "" if unknown.all() else " for some runs"
    return f" The memory of the board is unknown{where}: marks say nothing of it."


def cost_label(runs: pd.DataFrame, metric: str) -> str:
    """A metric on an axis: energy as what it is, and extrapolated costs as such."""
    extrapolated = is_extrapolated(metric, join_reasons(runs["extrapolated"]))
    return metric_label(metric) + (" (extrapolated)" if extrapolated else "")


def extrapolation_note(runs: pd.DataFrame) -> str:
    """A sentence for the caption where a latency is extrapolated, else ""."""
    count = int((runs["extrapolated"] != "").sum())
    if not count:
        return ""
    return f" Latency is extrapolated, outside what the device's model was fitted on, in {count} of {len(runs)} runs."
