"""Whether each method's test score is shown to be non-inferior to the reference network's, and what it saves."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.grouping import GROUP, REFERENCE_METHOD, Group
from suite.report.statistics.comparison import MARGIN, Comparer, IncomparableRunsError, MethodRuns, runs_by_group
from suite.report.tables.extrapolation import join_reasons, mark_extrapolated
from suite.report.tables.markup import MISSING
from suite.report.tables.ordering import sort_by_setting
from suite.report.tables.text import format_number, format_percent, format_points, leading_columns

REDUCED_METRICS = ("weights", "flash", "ram", "latency")
"""The costs whose reduction is reported: memory for weights, network file and activations, and latency."""

SHOWN_FOR_NEW_SEEDS = "networks and new seeds"
SHOWN_FOR_NETWORKS = "these networks"
NOT_SHOWN = "not shown"

_TEST_COLUMNS = ["against", "difference", "low", "low_seeds", "margin", "pairs", "examples", "shown", "why"]


def noninferiority_table(df: pd.DataFrame, store: Store, margin: float = MARGIN) -> pd.DataFrame:
    """Each method and budget against the reference network of the same benchmark, preset and device.

    Columns: those of GROUP, `score` (mean over seeds), `against` (the method that trained the reference network, from
    the same budget where it has run there), `difference` (mean over paired seeds), `low` and `low_seeds` (one-sided
    95 % lower bounds, see `comparison.NonInferiority`), `margin`, `pairs`, `examples`, `shown` ("networks and new
    seeds", "these networks" or "not shown"), `why` it is not shown, `reduction_percent/<metric>` (mean cost against
    the reference network's), and `extrapolated` (why one of the two latencies is, "" where none is).

    Bounds are not computed where the difference itself is beyond the margin. The rows are not corrected for their
    number: of twenty methods that lose exactly the margin, one is expected to be "shown".
    """
    comparer, groups = Comparer(store), runs_by_group(df)
    metrics = [m for m in by_metric(df, "cost") if m in REDUCED_METRICS]
    costs = df[df["status"] == "done"].groupby(GROUP)[[f"cost/{m}" for m in metrics]].mean().to_dict("index")
    reasons = df[df["status"] == "done"].groupby(GROUP)["extrapolated"].agg(join_reasons).to_dict()
    references = _reference_groups(groups)
    rows = []
    for group, runs in groups.items():
        reference = _choose_reference(group, groups, references)
        if reference is None:
            continue
        row: dict[str, Any] = dict(zip(GROUP, group, strict=True)) | {"score": np.mean(runs.scores)}
        row |= _test_noninferiority(runs, groups[reference], comparer, margin)
        for m in metrics:
            cost, whole = costs[group][f"cost/{m}"], costs[reference][f"cost/{m}"]
            row[f"reduction_percent/{m}"] = round(100 * (1 - cost / whole), 9) if whole else math.nan
        row["extrapolated"] = join_reasons([reasons[group], reasons[reference]])
        rows.append(row)
    columns = [*GROUP, "score", *_TEST_COLUMNS, *(f"reduction_percent/{m}" for m in metrics), "extrapolated"]
    return sort_by_setting(pd.DataFrame(rows, columns=columns))


def _reference_groups(groups: dict[Group, MethodRuns]) -> dict[tuple[str, ...], list[Group]]:
    """The groups that trained the reference network, by benchmark, preset and device, and by these and the budget."""
    references: dict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in groups:
        if group[-1].method == REFERENCE_METHOD:
            references[group[:3]].append(group)
            references[group[:4]].append(group)
    return references


def _choose_reference(
    group: Group, groups: dict[Group, MethodRuns], references: dict[tuple[str, ...], list[Group]]
) -> Group | None:
    """The group to compare with: at the same budget, else at any; None for the reference network's own groups.

    Of several the one with most seeds in common is taken, then the one with the best mean score.
    """
    if group[:3] not in references or group[-1].method == REFERENCE_METHOD:
        return None
    seeds = set(groups[group].seeds)

    def preference(other: Group) -> tuple[int, float]:
        return len(set(groups[other].seeds) & seeds), float(np.mean(groups[other].scores))

    return max(references.get(group[:4]) or references[group[:3]], key=preference)


def _test_noninferiority(
    method: MethodRuns, reference: MethodRuns, comparer: Comparer, margin: float
) -> dict[str, Any]:
    """The columns `_TEST_COLUMNS` of one row, those that are known."""
    ours, theirs = method.paired(reference)
    row: dict[str, Any] = {"against": reference.method, "margin": margin, "pairs": len(ours.seeds)}
    row["difference"] = np.mean(np.subtract(ours.scores, theirs.scores)) if ours.seeds else math.nan
    if row["difference"] <= -margin:
        return row | {"shown": NOT_SHOWN, "why": "the difference is beyond the margin"}
    try:
        test = comparer.non_inferiority(ours, theirs)
    except IncomparableRunsError as error:
        return row | {"shown": NOT_SHOWN, "why": str(error)}
    bounds = {"low": test.low, "low_seeds": test.low_seeds, "examples": test.examples}
    if not test.holds(margin):
        return row | bounds | {"shown": NOT_SHOWN, "why": "the bound is beyond the margin"}
    shown = SHOWN_FOR_NEW_SEEDS if test.holds_for_new_seeds(margin) else SHOWN_FOR_NETWORKS
    return row | bounds | {"shown": shown, "why": ""}


def format_noninferiority_table(table: pd.DataFrame) -> pd.DataFrame:
    """`noninferiority_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    out["float score"] = [format_number(v, 3) for v in table["score"]]
    add_test_columns(out, table)
    out["why not"] = table["why"].replace("", MISSING)
    for metric in by_metric(table, "reduction_percent"):
        cells = [format_percent(v) for v in table[f"reduction_percent/{metric}"]]
        out[f"{metric} reduced, %"] = mark_extrapolated(cells, metric, list(table["extrapolated"]))
    return out


def add_test_columns(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` what the test of each row of `table` says."""
    out["difference, points"] = [format_points(v) for v in table["difference"]]
    out["bound, networks"] = [format_points(v) for v in table["low"]]
    out["bound, new seeds"] = [format_points(v) for v in table["low_seeds"]]
    out["seeds"] = [format_number(v, 0) for v in table["pairs"]]
    out["non-inferior"] = table["shown"].astype(object).fillna(NOT_SHOWN)
