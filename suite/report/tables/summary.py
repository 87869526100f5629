"""Methods over several benchmarks: the mean of their normalised scores, and how often they fit."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import REFERENCE_METHOD, MethodVariant, natural_key
from suite.report.statistics.intervals import Floats, stratified_interval
from suite.report.tables.text import FITS_BUDGET, format_fits, format_interval, leading_columns, numeric_rows

_GROUP = ["preset", "device", "budget", "method"]
_COLUMNS = [
    *(*_GROUP, "benchmarks", "n_benchmarks", "of_benchmarks", "reference", "runs"),
    *("score", "score_low", "score_high", "fits"),
]


def summary_table(df: pd.DataFrame) -> pd.DataFrame:
    """Methods at the same budget over all benchmarks that ran it, where these are several.

    Columns: preset, device, budget, method, `benchmarks` (names), `n_benchmarks` (their number) and `of_benchmarks`
    (how many the budget ran on: a method that misses one is not comparable with the others), `reference`, `runs`,
    `score` (mean over benchmarks of the mean normalised score, with its bounds, see `intervals.stratified_interval`)
    and `fits` ("5/6").

    A score is normalised per benchmark as (score - chance) / (reference - chance). The reference is the reference
    network's mean score at that preset and device, the best one if it was trained in several ways ("hand_tuned": 1 is
    as good as the reference network), or if one benchmark has none, 1 for all of them ("1": the share of the way from
    chance to a perfect score). The bounds take the reference's mean score as known.
    """
    done = df[(df["status"] == "done") & df["score"].notna() & df["chance"].notna()].reset_index(drop=True)
    references = _reference_scores(done)
    scores, chances, fits = (done[name].to_numpy(dtype=float) for name in ("score", "chance", "feasible"))
    budgets: dict[Any, dict[tuple[str, MethodVariant], Any]] = defaultdict(dict)
    groups: dict[Any, Any] = done.groupby([*_GROUP[:3], "benchmark", "method"]).indices
    for key, members in groups.items():
        budgets[key[:3]][key[3:]] = members
    rows = []
    for budget, by_method in budgets.items():
        names = sorted({benchmark for benchmark, _ in by_method})
        if len(names) < 2:
            continue
        known = {name: float(references.get((*budget[:2], name), math.nan)) for name in names}
        for method in sorted({method for _, method in by_method}):
            own = {name: by_method[name, method] for name in names if (name, method) in by_method}
            row = _summarise_method(own, known, scores, chances, fits)
            rows.append(dict(zip(_GROUP, (*budget, method), strict=True)) | {"of_benchmarks": len(names)} | row)
    rows.sort(
        key=lambda row: (*(natural_key(str(row[k])) for k in _GROUP[:3]), math.isnan(row["score"]), -row["score"])
    )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _reference_scores(done: pd.DataFrame) -> pd.Series:
    """The reference network's mean score by preset, device and benchmark, that of its best way of training."""
    of_reference = done[done["method"].map(lambda method: method.method == REFERENCE_METHOD).astype(bool)]
    by_variant = of_reference.groupby([*_GROUP[:2], "benchmark", "method"])["score"].mean()
    return by_variant.groupby(level=[*_GROUP[:2], "benchmark"]).max()


def _summarise_method(
    members: Mapping[str, Any], references: Mapping[str, float], scores: Floats, chances: Floats, fits: Floats
) -> dict[str, Any]:
    """The row of one method; `members` holds by benchmark the positions of its runs in the other columns."""
    has_references = not any(map(math.isnan, references.values()))
    strata = []
    for name, at in members.items():
        room = (references[name] if has_references else 1.0) - chances[at]
        strata.append((scores[at] - chances[at]) / np.where(room > 0, room, math.nan))
    mean = stratified_interval(strata)
    flags = np.concatenate([fits[at] for at in members.values()])
    return {
        "benchmarks": ", ".join(members),
        "n_benchmarks": len(members),
        "reference": REFERENCE_METHOD if has_references else "1",
        "runs": len(flags),
        **{"score": mean.mean, "score_low": mean.low, "score_high": mean.high},
        "fits": f"{int(flags.sum())}/{len(flags)}",
    }


def format_summary_table(table: pd.DataFrame) -> pd.DataFrame:
    """`summary_table` as rounded text."""
    out = leading_columns(table)
    counts = zip(table["n_benchmarks"], table["of_benchmarks"], strict=True)
    out["benchmarks"] = [f"{n} of {all_of_them}" for n, all_of_them in counts]
    bounds = numeric_rows(table, "score", "score_low", "score_high")
    out["mean normalised float score [95%]"] = [format_interval(*row) for row in bounds]
    is_reference = table["reference"] == REFERENCE_METHOD
    out["1 is"] = ["the reference network" if reference else "a perfect score" for reference in is_reference]
    out["runs"] = table["runs"].astype(str)
    out[FITS_BUDGET] = format_fits(table)
    return out
