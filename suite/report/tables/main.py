"""The main table: scores, costs and violations over seeds, a row per method and budget; and that of other scores."""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import astuple
from itertools import groupby
from typing import Any

import pandas as pd

from suite.records.frame import by_metric
from suite.report.grouping import GROUP, SETTING, natural_key, sort_by_setting
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.extrapolation import join_reasons, mark_extrapolated
from suite.report.tables.markup import MISSING
from suite.report.tables.text import (
    add_fits,
    float_score_label,
    format_interval,
    format_percent,
    format_rows,
    format_significant,
    leading_columns,
    metric_label,
    score_label,
    shared_setting,
)

COST_HEADINGS = {"trainings": "standard trainings", "epochs": "epochs", "cpu_s": "CPU, s"}
"""Column of a cost of whole runs -> its heading."""


def main_table(df: pd.DataFrame) -> pd.DataFrame:
    """Scores, costs and violations over seeds: one row per benchmark, preset, device, budget and method.

    Columns: `seeds` (different seeds of finished runs), `runs` (finished), `unfinished` (failed or interrupted),
    `score` with `score_low` and `score_high` (test, Student's t interval at 95 %), `int8_score` with `int8_low`,
    `int8_high` and `int8_runs` (the same of int8 networks, over the runs that were deployed), `quality_target` (of the
    test score, NaN where the benchmark has none) and `meets_target` ("yes" where the mean score reaches it, "no", ""),
    `fits` ("2/3": runs that meet every constraint), `board_fits` ("3/3": runs whose network fits the board; "unknown"),
    `reference_percent/<metric>` (mean cost in % of the reference network's), `target_percent/<metric>` (mean, in % of
    the target), `max_violation` and `max_search_violation` (largest over runs and constraints, relative; the latter at
    the last search epoch, before any checkpoint choice or repair), the mean cost of a run as `trainings` (MACs x
    samples, in standard trainings of the reference network), `epochs` (passes over the training data) and `cpu_s`
    (seconds), and `extrapolated` (why latencies are, "" where none is).

    Order: benchmark, preset, device, budget (numbers by size); in a budget the methods that fit most often
    first, then by falling mean score, then by method. A method whose runs all failed keeps its row, last.
    """
    done = df[df["status"] == "done"]
    groups = done.groupby(GROUP)
    table = pd.DataFrame(index=df.groupby(GROUP).size().index)
    table["score_name"] = groups["score_name"].first()
    table["seeds"] = groups["seed"].nunique()
    table["runs"] = groups.size()
    table["unfinished"] = df[df["status"] != "done"].groupby(GROUP).size()
    table = table.join(intervals_by_group(done, "score", ["score", "score_low", "score_high"]))
    table = table.join(intervals_by_group(done, "int8/score", ["int8_score", "int8_low", "int8_high", "int8_runs"]))
    table["quality_target"] = groups["quality_target"].first()
    table["meets_target"] = list(map(_meets_target, table["score"], table["quality_target"]))
    counts = ["seeds", "runs", "unfinished", "int8_runs"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["fits"] = groups["feasible"].agg(_count_fits).reindex(table.index).fillna("0/0")
    table["board_fits"] = groups["board_fits"].agg(_count_board_fits).reindex(table.index, fill_value="")
    for metric in by_metric(df, "relative"):
        table[f"reference_percent/{metric}"] = groups[f"relative/{metric}"].mean() * 100
    for metric in by_metric(df, "target"):
        used = done[f"cost/{metric}"] / done[f"target/{metric}"] * 100
        table[f"target_percent/{metric}"] = used.groupby([done[key] for key in GROUP]).mean()
    table = table.join(groups[["max_violation", "max_search_violation"]].max())
    table = table.join(groups[list(COST_HEADINGS)].mean())
    table["extrapolated"] = groups["extrapolated"].agg(join_reasons).reindex(table.index, fill_value="")
    table["_fits"] = groups["feasible"].mean()
    by_success = table.sort_values(["_fits", "score", "method"], ascending=[False, False, True]).drop(columns="_fits")
    return sort_by_setting(by_success.reset_index(), GROUP[:-1])


def _count_fits(fits: pd.Series) -> str:
    return f"{int(fits.sum())}/{len(fits)}"


def _count_board_fits(fits: pd.Series) -> str:
    """The runs whose network fits the board, of those of which that is known."""
    known = fits.dropna()
    unknown = len(fits) - len(known)
    return "unknown" if known.empty else _count_fits(known) + (f", {unknown} unknown" if unknown else "")


def intervals_by_group(done: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """Mean, bounds and number of values of a column of finished runs, by GROUP, in the columns `names`."""
    intervals = {key: astuple(mean_interval(values.astype(float))) for key, values in done.groupby(GROUP)[column]}
    index = pd.MultiIndex.from_tuples(intervals, names=GROUP)
    columns = zip(*intervals.values(), strict=True) if intervals else [()] * len(names)
    return pd.DataFrame(dict(zip(names, columns, strict=False)), index=index, dtype=float)


def rows_by_budget(table: pd.DataFrame) -> Iterator[tuple[list[str], list[dict[Hashable, Any]]]]:
    """The rows of each budget in the table's order, after what of setting and budget not all rows share."""
    keys = [key for key in (*SETTING, "budget") if key not in shared_setting(table)]
    for values, rows in groupby(table.to_dict("records"), lambda row: [str(row[key]) for key in keys]):
        yield values, list(rows)


def limit_shares(row: Mapping[Hashable, Any]) -> dict[str, float]:
    """Metric -> mean use of its limit in %, of those that the row's budget limits and that are known."""
    prefix = "target_percent/"
    shares = {str(key).removeprefix(prefix): share for key, share in row.items() if str(key).startswith(prefix)}
    return {metric: share for metric, share in shares.items() if math.isfinite(share)}


def format_main_table(table: pd.DataFrame) -> pd.DataFrame:
    """`main_table` as rounded text under headings with units."""
    names = sorted({str(n) for n in table["score_name"].dropna()} - {""})
    name = names[0] if len(names) == 1 else ""
    out = leading_columns(table)
    if len(names) > 1:
        out["score"] = [score_label(str(n)) if pd.notna(n) else MISSING for n in table["score_name"]]
    add_scores(out, table, name)
    if table["quality_target"].notna().any():
        marks = zip(table["meets_target"], table["quality_target"], strict=True)
        cells = [f"{meets} ({target:g})" if meets else MISSING for meets, target in marks]
        out["mean at or above MLPerf's target"] = cells
    add_fit_columns(out, table)
    out["seeds"] = table["seeds"].astype(str)
    if table["unfinished"].any():
        out["failed"] = table["unfinished"].astype(str)
    add_violations(out, table)
    add_costs(out, table)
    limited = by_metric(table, "target_percent")
    for metric in [*limited, *(m for m in by_metric(table, "reference_percent") if m not in limited)]:
        if metric != "weights_full" or metric in limited:
            share = table[f"reference_percent/{metric}"]
            used = table[f"target_percent/{metric}"] if metric in limited else [math.nan] * len(table)
            heading = f"{metric_label(metric)}, % of reference" + (" (of target)" if metric in limited else "")
            rows = zip(share, used, table["extrapolated"], strict=True)
            out[heading] = [mark_extrapolated(_format_shares(s, u), metric, reasons) for s, u, reasons in rows]
    return out


def add_scores(out: pd.DataFrame, table: pd.DataFrame, name: str = "") -> None:
    """Add to the text `out` the scores of float networks, and of int8 networks where any run was deployed."""
    out[f"{float_score_label(name)} [95%]"] = format_rows(format_interval, table, "score", "score_low", "score_high")
    if table["int8_runs"].any():
        out[f"int8 test {score_label(name) or 'score'} [95%]"] = _format_int8_scores(table)


def add_fit_columns(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` how many runs of each row of `table` fit their budget, and the board."""
    add_fits(out, table)
    out["fits board"] = [text or MISSING for text in table["board_fits"]]


def add_violations(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` by how much the networks of each row of `table` exceed a limit."""
    for column, heading in (("max_violation", "largest violation, %"), ("max_search_violation", "search violation, %")):
        out[heading] = [format_percent(100 * v) for v in table[column]]


def add_costs(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` what a run of each row of `table` costs, in the three units that costs are compared in."""
    for column, heading in COST_HEADINGS.items():
        out[heading] = [format_significant(v) for v in table[column]]


def _format_int8_scores(table: pd.DataFrame) -> list[str]:
    """The int8 score of each row with its bounds, and of how many runs it is where not all were deployed."""
    scores = format_rows(format_interval, table, "int8_score", "int8_low", "int8_high")
    counts = zip(scores, table["int8_runs"], table["runs"], strict=True)
    return [score + (f" ({deployed} of {runs})" if 0 < deployed < runs else "") for score, deployed, runs in counts]


def _format_shares(of_reference: float, of_target: float) -> str:
    return format_percent(of_reference) + (f" ({format_percent(of_target)})" if math.isfinite(of_target) else "")


def _meets_target(score: float, target: float) -> str:
    if math.isnan(score) or math.isnan(target):
        return ""
    return "yes" if score >= target else "no"


def score_table(df: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """Test scores other than the main one, in the order of the `main_table`; empty where no run has any.

    Columns: `runs`, and for each score `score/<name>` with `score_low/<name>` and `score_high/<name>` (mean over
    finished runs, Student's t interval at 95 %). A benchmark without a score of that name has NaN.
    """
    names = sorted(by_metric(df, "score"), key=natural_key)
    done = df[df["status"] == "done"]
    table = main.set_index(GROUP)[["runs"]]
    for name in names:
        columns = [f"score/{name}", f"score_low/{name}", f"score_high/{name}"]
        table = table.join(intervals_by_group(done, f"score/{name}", columns))
    return table[table[[f"score/{name}" for name in names]].notna().any(axis=1)].reset_index()


def format_score_table(table: pd.DataFrame) -> pd.DataFrame:
    """`score_table` as rounded text: a column per score, with its interval."""
    out = leading_columns(table)
    for name in by_metric(table, "score"):
        columns = (f"score/{name}", f"score_low/{name}", f"score_high/{name}")
        out[f"float {score_label(name)} [95%]"] = format_rows(format_interval, table, *columns)
    return out
