"""How far memory and latency can be reduced at a test score that is shown to be non-inferior to the seed network's."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import GROUP, by_metric
from suite.records.store import Store
from suite.report.markup import MISSING
from suite.report.order import base_method, by_place
from suite.report.statistics.comparison import MARGIN, Comparer, Incomparable, Runs, runs_by_group
from suite.report.text import number, percent, places, points

REFERENCE_METHOD = "hand_tuned"
"""The method whose network is the benchmark's seed, unchanged and trained as long as the others."""

REDUCED = ("weights", "ram", "latency")
"""The costs of the headline: memory for the network and for its activations, and latency."""

FOR_SEEDS = "networks and new seeds"
FOR_NETWORKS = "these networks"
NOT_SHOWN = "not shown"

_PLACE = GROUP[:3]
_TESTS = ["against", "difference", "low", "low_seeds", "margin", "pairs", "examples", "shown", "why"]
_HEADLINE = [
    *(*_PLACE, "metric", "reduction_percent", "method", "budget"),
    *("score", "against", "difference", "low", "low_seeds", "margin", "pairs", "examples", "shown", "tested"),
    *("unproved_reduction_percent", "unproved_method", "unproved_budget", "unproved_why"),
]


def noninferiority_table(df: pd.DataFrame, store: Store, margin: float = MARGIN) -> pd.DataFrame:
    """Each method and budget against the seed network of the same benchmark, preset and device.

    Columns: those of GROUP, `score` (mean over seeds), `against` (the seed network's method, from the same budget where
    it has run there), `difference` (mean over paired seeds), `low` and `low_seeds` (one-sided 95 % lower bounds, see
    `comparison.NonInferiority`), `margin`, `pairs`, `examples`, `shown` ("networks and new seeds", "these networks" or
    "not shown"), `why` it is not shown, and `reduction_percent/<metric>` (mean cost against the reference's).

    Bounds are not computed where the difference itself is beyond the margin. The rows are not corrected for their
    number: of twenty methods that lose exactly the margin, one is expected to be "shown".
    """
    comparer, groups = Comparer(store), runs_by_group(df)
    metrics = [m for m in by_metric(df, "cost") if m in REDUCED]
    costs = df[df["status"] == "done"].groupby(GROUP)[[f"cost/{m}" for m in metrics]].mean().to_dict("index")
    seeds: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key in groups:
        if base_method(key[-1]) == REFERENCE_METHOD:
            seeds[key[:3]].append(key)
            seeds[key[:4]].append(key)
    rows = []
    for key, runs in groups.items():
        if key[:3] not in seeds or base_method(key[-1]) == REFERENCE_METHOD:
            continue
        # At that budget, else at any; of several settings the one with most seeds in common, then the best score.
        at = max(seeds.get(key[:4]) or seeds[key[:3]], key=lambda other: _suited(groups[other], runs))
        row: dict[str, Any] = dict(zip(GROUP, key, strict=True)) | {"score": np.mean(runs.scores)}
        row |= _test(runs, groups[at], comparer, margin)
        for m in metrics:
            cost, seed = costs[key][f"cost/{m}"], costs[at][f"cost/{m}"]
            row[f"reduction_percent/{m}"] = round(100 * (1 - cost / seed), 9) if seed else math.nan
        rows.append(row)
    columns = [*GROUP, "score", *_TESTS, *(f"reduction_percent/{m}" for m in metrics)]
    return by_place(pd.DataFrame(rows, columns=columns))


def _suited(reference: Runs, runs: Runs) -> tuple[int, float]:
    return len(set(reference.seeds) & set(runs.seeds)), float(np.mean(reference.scores))


def _test(method: Runs, reference: Runs, comparer: Comparer, margin: float) -> dict[str, Any]:
    first, second = method.paired(reference)
    row: dict[str, Any] = {"against": reference.method, "margin": margin, "pairs": len(first.seeds)}
    row["difference"] = np.mean(np.subtract(first.scores, second.scores)) if first.seeds else math.nan
    if row["difference"] <= -margin:
        return row | {"shown": NOT_SHOWN, "why": "the difference is beyond the margin"}
    try:
        found = comparer.non_inferiority(first, second)
    except Incomparable as error:
        return row | {"shown": NOT_SHOWN, "why": str(error)}
    bounds = {"low": found.low, "low_seeds": found.low_seeds, "examples": found.examples}
    if not found.shown(margin):
        return row | bounds | {"shown": NOT_SHOWN, "why": "the bound is beyond the margin"}
    return row | bounds | {"shown": FOR_SEEDS if found.shown_for_seeds(margin) else FOR_NETWORKS, "why": ""}


def headline_table(df: pd.DataFrame, store: Store, margin: float = MARGIN) -> pd.DataFrame:
    """The largest reduction of each cost whose score is shown to be non-inferior, per benchmark, preset and device.

    Columns: `metric`, `reduction_percent` against the seed network, and the row of `noninferiority_table` that has it;
    `tested` (rows it was chosen from) and, where a larger reduction has a score that is not shown to be non-inferior,
    the largest such as `unproved_reduction_percent` with `unproved_method`, `unproved_budget`, `unproved_why`. What was
    chosen as the largest of many looks better than it is: the bounds are not corrected for that.
    """
    return headline_of(noninferiority_table(df, store, margin))


def headline_of(tests: pd.DataFrame) -> pd.DataFrame:
    """`headline_table` from a finished `noninferiority_table`."""
    rows = []
    for place, table in tests.groupby(_PLACE, sort=False):
        for metric in by_metric(table, "reduction_percent"):
            column = f"reduction_percent/{metric}"
            ordered = table[table[column].notna()].sort_values(column, ascending=False, kind="stable")
            row = dict(zip(_PLACE, place, strict=True)) | {"metric": metric, "tested": len(ordered)}
            shown = ordered[ordered["shown"] != NOT_SHOWN]
            shown = shown[shown[column] > 0]
            if len(shown):
                best = shown.iloc[0]
                row |= {name: best[name] for name in _HEADLINE if name in best.index}
                row["reduction_percent"] = best[column]
                ordered = ordered[ordered[column] > best[column]]
            unproved = ordered[(ordered["shown"] == NOT_SHOWN) & (ordered[column] > 0)]
            if len(unproved):
                first = unproved.iloc[0]
                row |= {f"unproved_{name}": first[name] for name in ("method", "budget", "why")}
                row["unproved_reduction_percent"] = first[column]
            if len(shown) or len(unproved):
                rows.append(row)
    return pd.DataFrame(rows, columns=_HEADLINE)


def readable_headline(table: pd.DataFrame) -> pd.DataFrame:
    """`headline_table` as rounded text; differences of scores in points (hundredths)."""
    out = places(table, ())
    out["cost"] = table["metric"]
    out["largest reduction shown, %"] = [percent(v) for v in table["reduction_percent"]]
    for name in ("method", "budget"):
        out[name] = table[name].astype(object).fillna(MISSING)
    out["score"] = [number(v, 3) for v in table["score"]]
    _readable_test(out, table)
    out["larger, but not shown"] = [
        f"{percent(r)} % ({method}, {budget}): {why}" if pd.notna(method) else MISSING
        for r, method, budget, why in table[_HEADLINE[-4:]].itertuples(index=False)
    ]
    return out


def readable_noninferiority(table: pd.DataFrame) -> pd.DataFrame:
    """`noninferiority_table` as rounded text; differences of scores in points (hundredths)."""
    out = places(table)
    out["score"] = [number(v, 3) for v in table["score"]]
    _readable_test(out, table)
    out["why not"] = table["why"].replace("", MISSING)
    for metric in by_metric(table, "reduction_percent"):
        out[f"{metric} reduced, %"] = [percent(v) for v in table[f"reduction_percent/{metric}"]]
    return out


def _readable_test(out: pd.DataFrame, table: pd.DataFrame) -> None:
    out["difference, points"] = [points(v) for v in table["difference"]]
    out["bound, networks"] = [points(v) for v in table["low"]]
    out["bound, new seeds"] = [points(v) for v in table["low_seeds"]]
    out["seeds"] = [number(v, 0) for v in table["pairs"]]
    out["non-inferior"] = table["shown"].astype(object).fillna(NOT_SHOWN)
