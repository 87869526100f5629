"""Test scores other than the main one, such as the AUC of single machines."""

import pandas as pd

from suite.records.frame import by_metric
from suite.report.grouping import GROUP, natural_key, sort_as_main_table
from suite.report.tables.main import intervals_by_group, main_table
from suite.report.tables.text import format_interval, leading_columns, numeric_rows, score_label


def score_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> pd.DataFrame:
    """Test scores other than the main one, in the order of `main_table` (`main`); empty where no run has any.

    Columns: `runs`, and for each score `score/<name>` with `score_low/<name>` and `score_high/<name>` (mean over
    finished runs, Student's t interval at 95 %). A benchmark without a score of that name has NaN.
    """
    names = sorted(by_metric(df, "score"), key=natural_key)
    done = df[df["status"] == "done"]
    table = done.groupby(GROUP).size().rename("runs").to_frame()
    for name in names:
        intervals = intervals_by_group(done, f"score/{name}")
        for part, bound in (("score", "mean"), ("score_low", "low"), ("score_high", "high")):
            table[f"{part}/{name}"] = pd.Series({key: getattr(i, bound) for key, i in intervals.items()}, dtype=float)
    table = table[table[[f"score/{name}" for name in names]].notna().any(axis=1)]
    return sort_as_main_table(table.reset_index(), main_table(df) if main is None else main)


def format_score_table(table: pd.DataFrame) -> pd.DataFrame:
    """`score_table` as rounded text: a column per score, with its interval."""
    out = leading_columns(table)
    for name in by_metric(table, "score"):
        bounds = numeric_rows(table, f"score/{name}", f"score_low/{name}", f"score_high/{name}")
        out[f"float {score_label(name)} [95%]"] = [format_interval(*row) for row in bounds]
    return out
