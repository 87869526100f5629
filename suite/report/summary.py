"""Methods over several benchmarks: the interquartile mean of normalised scores, and how often they fit."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from suite.report.headline import REFERENCE_METHOD
from suite.report.order import base_method, natural
from suite.report.statistics.intervals import Floats, interquartile_mean, wilson
from suite.report.text import fit_share, interval, places

_KEYS = ["preset", "device", "budget", "method"]
_SUMMARY = [
    *(*_KEYS, "benchmarks", "of_benchmarks", "reference", "runs"),
    *("iqm", "iqm_low", "iqm_high", "fits", "fits_low", "fits_high"),
]


def summary_table(df: pd.DataFrame) -> pd.DataFrame:
    """Methods at the same budget over all benchmarks that ran it, where these are several.

    Columns: preset, device, budget, method, `benchmarks` (names) and `of_benchmarks` (how many the budget ran on: a
    method that misses one is not comparable with the others), `reference`, `runs`, `iqm` (interquartile mean of
    normalised scores with its interval, see `statistics.interquartile_mean`), `fits` with Wilson's bounds.

    A score is normalised per benchmark as (score - chance) / (reference - chance). The reference is the seed network's
    mean score at that preset and device, the best one if it was trained in several ways ("hand_tuned": 1 is as good as
    the seed network), or if one benchmark has none, 1 for all of them ("1": the share of the way from chance to a
    perfect score).
    """
    done = df[(df["status"] == "done") & df["score"].notna() & df["chance"].notna()].reset_index(drop=True)
    whole = done[done["method"].map(base_method) == REFERENCE_METHOD]
    arms = whole.groupby([*_KEYS[:2], "benchmark", "method"])["score"].mean()
    seeds = arms.groupby(level=[*_KEYS[:2], "benchmark"]).max()
    scores, chances, fits = (done[name].to_numpy(dtype=float) for name in ("score", "chance", "feasible"))
    runs: dict[Any, dict[tuple[str, str], Any]] = defaultdict(dict)
    groups: dict[Any, Any] = done.groupby([*_KEYS[:3], "benchmark", "method"]).indices
    for key, at in groups.items():
        runs[key[:3]][key[3:]] = at
    rows = []
    for place, members in runs.items():
        names = sorted({benchmark for benchmark, _ in members})
        if len(names) < 2:
            continue
        references = {name: float(seeds.get((*place[:2], name), math.nan)) for name in names}
        for method in sorted({method for _, method in members}):
            mine = {name: members[name, method] for name in names if (name, method) in members}
            found = _row(mine, references, scores, chances, fits)
            rows.append(dict(zip(_KEYS, (*place, method), strict=True)) | {"of_benchmarks": len(names)} | found)
    rows.sort(key=lambda row: (*(natural(str(row[k])) for k in _KEYS[:3]), math.isnan(row["iqm"]), -row["iqm"]))
    return pd.DataFrame(rows, columns=_SUMMARY)


def readable_summary(table: pd.DataFrame) -> pd.DataFrame:
    """`summary_table` as rounded text."""
    out = places(table)
    out["benchmarks"] = [
        f"{n} of {of}" for n, of in zip(table["benchmarks"].map(_count), table["of_benchmarks"], strict=True)
    ]
    bounds = table[["iqm", "iqm_low", "iqm_high"]].itertuples(index=False)
    out["interquartile mean [95%]"] = [interval(*row) for row in bounds]
    out["1 is"] = ["the seed network" if name == REFERENCE_METHOD else "a perfect score" for name in table["reference"]]
    out["runs"] = table["runs"].astype(str)
    out["fits [95%]"] = [fit_share(*row) for row in table[["fits", "fits_low", "fits_high"]].itertuples(index=False)]
    return out


def _row(
    members: Mapping[str, Any], references: Mapping[str, float], scores: Floats, chances: Floats, fits: Floats
) -> dict[str, Any]:
    """One method: the rows of its runs by benchmark, and the columns that they index."""
    by_seed_network = not any(map(math.isnan, references.values()))
    strata = []
    for name, at in members.items():
        room = (references[name] if by_seed_network else 1.0) - chances[at]
        strata.append((scores[at] - chances[at]) / np.where(room > 0, room, math.nan))
    found = interquartile_mean(strata)
    flags = np.concatenate([fits[at] for at in members.values()])
    share = wilson(int(flags.sum()), len(flags))
    return {
        "benchmarks": ", ".join(members),
        "reference": REFERENCE_METHOD if by_seed_network else "1",
        "runs": len(flags),
        **{"iqm": found.mean, "iqm_low": found.low, "iqm_high": found.high},
        **{"fits": f"{int(flags.sum())}/{len(flags)}", "fits_low": share.low, "fits_high": share.high},
    }


def _count(names: str) -> int:
    return len(names.split(", "))
