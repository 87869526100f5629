"""What figures say of boards and of extrapolated costs."""

import pandas as pd

from suite.report.tables.extrapolation import is_extrapolated, join_reasons
from suite.report.tables.text import metric_label


def fits_budget_and_board(runs: pd.DataFrame) -> pd.Series:
    """Which runs are within their budget and not known to exceed the board, bool (N,)."""
    exceeds = runs["board_fits"].map(lambda fits: fits is False).astype(bool)
    return runs["feasible"].astype(bool) & ~exceeds


def cost_label(runs: pd.DataFrame, metric: str) -> str:
    """A metric on an axis: energy as what it is, and extrapolated costs as such."""
    extrapolated = is_extrapolated(metric, join_reasons(runs["extrapolated"]))
    return metric_label(metric) + (" (extrapolated)" if extrapolated else "")
