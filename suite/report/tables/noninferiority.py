"""Each method's test score against the reference network's, with bounds over new seeds, and what it saves."""

import math
from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.grouping import GROUP, REFERENCE_METHOD, SETTING, Group, sort_by_setting
from suite.report.statistics.comparison import IncomparableRunsError, MethodRuns, compare_predictions, runs_by_group
from suite.report.statistics.intervals import holm
from suite.report.statistics.noninferiority import MARGIN
from suite.report.tables.extrapolation import join_reasons, mark_extrapolated
from suite.report.tables.markup import MISSING
from suite.report.tables.text import add_fits, format_number, format_p, format_percent, format_points, leading_columns

REDUCED_METRICS = ("weights", "flash", "macs", "ram", "latency")
"""The costs whose reduction is reported: memory for weights, network file and activations, operations and latency."""

ERRORS = ["difference", "seed_error", "example_error", "pairs", "examples"]
"""The columns that are the fields of a `PairedDifference`."""


def noninferiority_table(df: pd.DataFrame, main: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Each method and budget against the reference network of the same benchmark, preset and device.

    `main` is the `main_table` of `df`. Columns: those of GROUP, `score` (mean over seeds), `fits` ("5/5"), `against`
    and `against_budget` (the method that trained the reference network, and the budget: the same where it has run
    there), `difference`, `seed_error`, `example_error`, `pairs` and `examples` (a `PairedDifference`), `low` and `high`
    (its one-sided 95 % bounds over new seeds and new test examples), `p` (that it is not above minus one point),
    `p_holm` (adjusted for all rows of the setting), `why` there are no bounds, `reduction_percent/<metric>` (mean cost
    against the reference network's), and `extrapolated` (why one of the two latencies is, "" where none is).
    """
    groups = runs_by_group(df)
    metrics = [m for m in by_metric(df, "relative") if m in REDUCED_METRICS]
    means: dict[Any, dict[Any, Any]] = main.set_index(GROUP).to_dict("index")
    rows = []
    for group, runs in groups.items():
        reference = _choose_reference(group, groups)
        if reference is None:
            continue
        row: dict[str, Any] = dict(zip(GROUP, group, strict=True)) | {"score": np.mean(runs.scores)}
        row |= {"fits": means[group]["fits"], "against_budget": reference[3]}
        row |= _compare_with_reference(runs, groups[reference], store)
        row |= {f"reduction_percent/{m}": round(100 - means[group][f"reference_percent/{m}"], 9) for m in metrics}
        rows.append(row | {"extrapolated": join_reasons(means[key]["extrapolated"] for key in (group, reference))})
    columns = [*GROUP, "score", "fits", "against", "against_budget", *ERRORS, "low", "high", "p", "p_holm", "why"]
    table = pd.DataFrame(rows, columns=[*columns, *(f"reduction_percent/{m}" for m in metrics), "extrapolated"])
    table["p_holm"] = table.groupby(SETTING)["p"].transform(holm).astype(float)
    return sort_by_setting(table)


def _choose_reference(group: Group, groups: dict[Group, MethodRuns]) -> Group | None:
    """The group of the reference network to compare with: at the same budget, else at any; None for its own groups.

    Of several the one with most seeds in common is taken, then the one with the best mean score.
    """
    references = [other for other in groups if other[:3] == group[:3] and other[-1].method == REFERENCE_METHOD]
    if group in references:
        return None
    seeds = set(groups[group].seeds)

    def preference(other: Group) -> tuple[int, float]:
        return len(set(groups[other].seeds) & seeds), float(np.mean(groups[other].scores))

    at_budget = [other for other in references if other[3] == group[3]]
    return max(at_budget or references, key=preference, default=None)


def _compare_with_reference(method: MethodRuns, reference: MethodRuns, store: Store) -> dict[str, Any]:
    """The columns of one row that come from the comparison, those that are known."""
    ours, theirs = method.paired(reference)
    row: dict[str, Any] = {"against": reference.method, "pairs": len(ours.seeds), "examples": 0}
    row["difference"] = np.mean(np.subtract(ours.scores, theirs.scores)) if ours.seeds else math.nan
    try:
        found = compare_predictions(store, ours, theirs)
    except IncomparableRunsError as error:
        return row | {"why": str(error)}
    half = found.half_width()
    row |= {name: getattr(found, name) for name in ERRORS}
    row |= {"low": found.difference - half, "high": found.difference + half, "p": found.p_above(MARGIN)}
    return row | {"why": found.why_not}


def format_noninferiority_table(table: pd.DataFrame) -> pd.DataFrame:
    """`noninferiority_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    out["float score"] = [format_number(v, 3) for v in table["score"]]
    add_fits(out, table)
    out["difference, points"] = [format_points(v) for v in table["difference"]]
    out["lower bound"] = [format_points(v) for v in table["low"]]
    out["p, Holm"] = [format_p(p) for p in table["p_holm"]]
    out["seeds"] = [format_number(v, 0) for v in table["pairs"]]
    out["no bound because"] = table["why"].replace("", MISSING)
    add_reductions(out, table)
    return out


def add_reductions(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` by how much each row of `table` reduces each cost."""
    for metric in by_metric(table, "reduction_percent"):
        shares = zip(table[f"reduction_percent/{metric}"], table["extrapolated"], strict=True)
        out[f"{metric} reduced, %"] = [mark_extrapolated(format_percent(share), metric, why) for share, why in shares]
