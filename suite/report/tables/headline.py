"""How far memory and latency can be reduced at a test score shown to be non-inferior to the reference network's."""

from typing import Any

import pandas as pd

from suite.records.frame import by_metric
from suite.report.grouping import SETTING
from suite.report.tables.extrapolation import is_extrapolated, mark_extrapolated
from suite.report.tables.markup import MISSING
from suite.report.tables.noninferiority import NOT_SHOWN, add_test_columns
from suite.report.tables.text import format_number, format_percent, leading_columns

_COLUMNS = [
    *(*SETTING, "metric", "reduction_percent", "method", "budget"),
    *(
        "score",
        "against",
        "difference",
        "low",
        "low_seeds",
        "margin",
        "pairs",
        "examples",
        "shown",
        "tested",
        "extrapolated",
    ),
    *("unproved_reduction_percent", "unproved_method", "unproved_budget", "unproved_why"),
]


def headline_table(tests: pd.DataFrame) -> pd.DataFrame:
    """The largest reduction of each cost whose score is shown to be non-inferior, per benchmark, preset and device.

    `tests` is a `noninferiority_table`. Columns: `metric`, `reduction_percent` against the reference network, and the
    row of `tests` that has it; `tested` (rows it was chosen from) and, where a larger reduction has a score that is not
    shown to be non-inferior, the largest such as `unproved_reduction_percent` with `unproved_method`,
    `unproved_budget`, `unproved_why`. What was chosen as the largest of many looks better than it is: the bounds are
    not corrected for that.
    """
    rows = []
    for setting, table in tests.groupby(SETTING, sort=False):
        for metric in by_metric(table, "reduction_percent"):
            reductions = _largest_reductions(table, metric)
            if reductions is not None:
                rows.append(dict(zip(SETTING, setting, strict=True)) | {"metric": metric} | reductions)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _largest_reductions(table: pd.DataFrame, metric: str) -> dict[str, Any] | None:
    """The largest reduction of a metric that is shown and the largest beyond it that is not; None without either."""
    column = f"reduction_percent/{metric}"
    ordered = table[table[column].notna()].sort_values(column, ascending=False, kind="stable")
    row: dict[str, Any] = {"tested": len(ordered), "extrapolated": ""}
    reduced = ordered[ordered[column] > 0]
    shown = reduced[reduced["shown"] != NOT_SHOWN]
    if len(shown):
        best = shown.iloc[0]
        row |= {name: best[name] for name in _COLUMNS if name in best.index}
        row["reduction_percent"] = best[column]
        row["extrapolated"] = best["extrapolated"] if is_extrapolated(metric, best["extrapolated"]) else ""
        reduced = reduced[reduced[column] > best[column]]
    unproved = reduced[reduced["shown"] == NOT_SHOWN]
    if len(unproved):
        first = unproved.iloc[0]
        row |= {f"unproved_{name}": first[name] for name in ("method", "budget", "why")}
        row["unproved_reduction_percent"] = first[column]
    return row if len(shown) or len(unproved) else None


def format_headline_table(table: pd.DataFrame) -> pd.DataFrame:
    """`headline_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ())
    out["cost"] = table["metric"]
    rows = zip(table["metric"], table["reduction_percent"], table["extrapolated"], strict=True)
    out["largest reduction shown, %"] = [
        mark_extrapolated([format_percent(reduction)], metric, [reasons])[0] for metric, reduction, reasons in rows
    ]
    for name in ("method", "budget"):
        out[name] = table[name].astype(object).fillna(MISSING).map(str)
    out["float score"] = [format_number(v, 3) for v in table["score"]]
    add_test_columns(out, table)
    out["larger, but not shown"] = [
        f"{format_percent(reduction)} % ({method}, {budget}): {why}" if pd.notna(method) else MISSING
        for reduction, method, budget, why in table[_COLUMNS[-4:]].itertuples(index=False)
    ]
    return out
