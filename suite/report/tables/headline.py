"""The headline: what one method, named before anything ran, saves, and whether its score is shown not to suffer."""

from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.report.grouping import GROUP, SETTING, natural_key
from suite.report.statistics.intervals import ERROR, holm
from suite.report.statistics.noninferiority import MARGIN
from suite.report.tables.markup import MISSING
from suite.report.tables.noninferiority import add_reduction_columns, paired_difference_of
from suite.report.tables.text import (
    FITS_BUDGET,
    format_fits,
    format_number,
    format_percent,
    format_points,
    leading_columns,
)

FEWEST_PAIRS = 5
"""Paired seeds below which nothing is claimed."""

SHOWN = "shown"
REFUTED = "refuted"
UNDECIDED = "undecided"
EXPLORATORY = "exploratory, not named beforehand"
NOT_RUN = "no finished run, or no reference network, to compare"

_NUMBERS = ["score", "fits", "against", "difference", "low", "high", "half_width", "pairs", "examples", "power"]


def headline_table(df: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """The named candidates of each benchmark, preset and device, or without any the largest reductions.

    `tests` is the `noninferiority_table` of `df`. Columns: those of GROUP with `method` as text, `verdict`, `largest`
    (the metrics of which an exploratory row is the largest reduction), the columns of `tests`, where `low` and `high`
    are one-sided bounds at 5 % over `compared`, the number of rows they are corrected for, `half_width`, and `power`
    (the share of cases in which a true difference of 0 would be shown with as many seeds and this spread).

    Verdict: "shown" where the p of non-inferiority at a margin of one point, with Holm's correction over the
    candidates, is below 5 %, "refuted" where that of the opposite is, else "undecided"; "tabled, 3 seeds" with fewer
    than `FEWEST_PAIRS`, and "does not fit: 3/5" where a run misses its budget, whatever the score.
    """
    metrics = [f"reduction_percent/{metric}" for metric in by_metric(tests, "reduction_percent")]
    rows: list[dict[str, Any]] = []
    by_setting = dict(iter(tests.groupby(SETTING)))
    settings = sorted(df.groupby(SETTING), key=lambda item: [natural_key(str(part)) for part in item[0]])
    for setting, runs in settings:
        own = by_setting.get(setting, tests.head(0))
        named = _named_candidates(runs)
        found = _judge_candidates(own, named) if named else _largest_reductions(own)
        rows += [dict(zip(SETTING, setting, strict=True)) | row for row in found]
    return pd.DataFrame(
        rows, columns=[*GROUP, "verdict", "largest", "compared", *_NUMBERS, "why", *metrics, "extrapolated"]
    )


def _named_candidates(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The distinct (method, budget) that the runs name; the budget is "" where every one is meant."""
    columns = ["headline/candidate", "headline/budget"]
    named = runs.loc[runs[columns[0]] != "", columns].drop_duplicates()
    return sorted((str(method), str(budget)) for method, budget in named.to_numpy().tolist())


def _judge_candidates(tests: pd.DataFrame, named: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """A row per candidate, corrected for their number; a named one without a row in `tests` says so."""
    labels = tests["method"].map(str)
    chosen = [(labels == method) & ((tests["budget"] == budget) | (budget == "")) for method, budget in named]
    candidates = tests[np.logical_or.reduce(chosen)]
    shown, refuted = holm(candidates["p"]), holm(1 - candidates["p"])
    rows = [
        _adjusted_row(row, len(candidates)) | {"verdict": _verdict(row, p, q)}
        for (_, row), p, q in zip(candidates.iterrows(), shown, refuted, strict=True)
    ]
    absent = [pair for pair, members in zip(named, chosen, strict=True) if not members.any()]
    nothing = {"verdict": NOT_RUN, "fits": "0/0"} | dict.fromkeys(("largest", "why", "extrapolated"), "")
    return rows + [{"method": method, "budget": budget or "any", **nothing} for method, budget in absent]


def _verdict(row: pd.Series, shown: float, refuted: float) -> str:
    """What may be said of a candidate with these adjusted p of non-inferiority and of its opposite."""
    fit, ran = row["fits"].split("/")
    if fit != ran:
        return f"does not fit: {row['fits']}"
    if row["pairs"] < FEWEST_PAIRS:
        return f"tabled, {row['pairs']} seeds"
    return SHOWN if shown < ERROR else REFUTED if refuted < ERROR else UNDECIDED


def _largest_reductions(tests: pd.DataFrame) -> list[dict[str, Any]]:
    """For each metric the row with the largest reduction, among rows that fit in all runs and lose less than the margin
    on average; one whose adjusted bound is above the margin comes before any other.
    """
    rows: dict[Any, dict[str, Any]] = {}
    fits = [fit == ran for fit, ran in tests["fits"].str.split("/")]
    tested = tests.assign(_shown=tests["p_holm"] < ERROR)
    eligible = tested[np.array(fits, dtype=bool) & (tests["difference"] > -MARGIN)]
    for metric in by_metric(eligible, "reduction_percent"):
        column = f"reduction_percent/{metric}"
        reduced = eligible[eligible[column] > 0]
        for at, row in reduced.sort_values(["_shown", column], ascending=False, kind="stable").head(1).iterrows():
            entry = rows.setdefault(at, _adjusted_row(row, len(tests)) | {"verdict": EXPLORATORY})
            entry["largest"] = f"{entry['largest']}, {metric}".removeprefix(", ")
    return list(rows.values())


def _adjusted_row(row: pd.Series, compared: int) -> dict[str, Any]:
    """A row of the tests with bounds that hold for `compared` rows together, and its power at that error."""
    test, error = paired_difference_of(row), ERROR / compared
    half = test.half_width(error)
    bounds: dict[str, Any] = {"low": test.difference - half, "high": test.difference + half, "half_width": half}
    bounds |= {"largest": "", "compared": compared, "power": test.power(error=error)}
    return {str(column): value for column, value in row.items()} | bounds | {"method": str(row["method"])}


def format_headline_table(table: pd.DataFrame) -> pd.DataFrame:
    """`headline_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ("method", "budget", "verdict"))
    if table["largest"].any():
        out["largest reduction of"] = table["largest"]
    add_reduction_columns(out, table)
    out[FITS_BUDGET] = format_fits(table)
    out["float score"] = [format_number(v, 3) for v in table["score"]]
    out["difference, points"] = [format_points(v) for v in table["difference"]]
    out["lower bound"] = [format_points(v) for v in table["low"]]
    out["half-width"] = [format_number(100 * v) for v in table["half_width"]]
    out["seeds"] = [format_number(v, 0) for v in table["pairs"]]
    out["power, %"] = [format_percent(100 * v) for v in table["power"]]
    if table["why"].any():
        out["no bound because"] = table["why"].replace("", MISSING)
    return out
