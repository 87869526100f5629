"""The tables of the report as frames of raw numbers; `text.py` turns them into what people read."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from suite.meter import PHASES
from suite.report.frame import GROUP, by_metric
from suite.report.statistics import mean_interval

_COST_COLUMNS = [
    "trainings",
    "trainings_amortised",
    *(f"trainings/{phase}" for phase in PHASES),
    "wall_s",
    "cpu_s",
    "networks",
    "lost_macs",
]


def main_table(df: pd.DataFrame) -> pd.DataFrame:
    """Scores, costs and violations over seeds: one row per benchmark, preset, device, budget and method.

    Columns: `seeds` (different seeds of finished runs), `runs` (finished), `unfinished` (failed or
    interrupted), `score` with `score_low` and `score_high` (test, 95 % interval), `quality_target` (of the test
    score, NaN where the benchmark has none) and `meets_target` ("yes" where the mean score reaches it, "no", ""),
    `fits` ("2/3": runs that meet every constraint), `seed_percent/<metric>` (mean cost in % of the seed's),
    `target_percent/<metric>` (mean, in % of the target), `max_violation` and `max_search_violation` (largest over
    runs and constraints, relative; the latter at the last search epoch, before any checkpoint choice or repair)
    and `trainings` (mean, in standard trainings).

    Order: benchmark, preset, device, budget (numbers by size); in a budget the methods that fit most often
    first, then by falling mean score, then by name. A method whose runs all failed keeps its row, last.
    """
    done = df[df["status"] == "done"]
    groups = done.groupby(GROUP)
    table = pd.DataFrame(index=df.groupby(GROUP).size().index)
    table["score_name"] = groups["score_name"].first()
    table["seeds"] = groups["seed"].nunique()
    table["runs"] = groups.size()
    table["unfinished"] = df[df["status"] != "done"].groupby(GROUP).size()
    intervals = {key: mean_interval(group["score"]) for key, group in groups}
    for name, bound in (("score", "mean"), ("score_low", "low"), ("score_high", "high")):
        table[name] = pd.Series({key: getattr(i, bound) for key, i in intervals.items()}, dtype=float)
    table["quality_target"] = groups["quality_target"].first()
    table["meets_target"] = list(map(_meets, table["score"], table["quality_target"]))
    share = groups["feasible"].mean()
    counts = table[["seeds", "runs", "unfinished"]].fillna(0).astype(int)
    table[["seeds", "runs", "unfinished"]] = counts
    fitting = groups["feasible"].sum().reindex(table.index, fill_value=0).astype(int)
    table["fits"] = [f"{fit}/{n}" for fit, n in zip(fitting, counts["runs"], strict=True)]
    for metric in by_metric(df, "relative"):
        table[f"seed_percent/{metric}"] = groups[f"relative/{metric}"].mean() * 100
    for metric in by_metric(df, "target"):
        used = done[f"cost/{metric}"] / done[f"target/{metric}"] * 100
        table[f"target_percent/{metric}"] = used.groupby([done[key] for key in GROUP]).mean()
    for name in ("max_violation", "max_search_violation"):
        table[name] = groups[name].max()
    table["trainings"] = groups["trainings"].mean()
    return _ordered(table.assign(_share=share)).drop(columns="_share").reset_index()


def score_table(df: pd.DataFrame) -> pd.DataFrame:
    """Test scores other than the main one, in the order of `main_table`; empty where no run has any.

    Columns: `runs`, and for each score `score/<name>` with `score_low/<name>` and `score_high/<name>` (mean over
    finished runs, 95 % interval). A benchmark without a score of that name has NaN.
    """
    names = sorted(by_metric(df, "score"), key=natural)
    rows = []
    for key, group in df[df["status"] == "done"].groupby(GROUP):
        row: dict[str, Any] = {**dict(zip(GROUP, key, strict=True)), "runs": len(group)}
        for name in names:
            found = mean_interval(group[f"score/{name}"])
            row |= {f"score/{name}": found.mean, f"score_low/{name}": found.low, f"score_high/{name}": found.high}
        if any(math.isfinite(row[f"score/{name}"]) for name in names):
            rows.append(row)
    columns = [f"{part}/{name}" for name in names for part in ("score", "score_low", "score_high")]
    table = pd.DataFrame(rows, columns=[*GROUP, "runs", *columns]).set_index(GROUP)
    order = pd.MultiIndex.from_frame(main_table(df)[GROUP])
    return table.reindex(order[order.isin(table.index)]).reset_index()


def cost_table(df: pd.DataFrame) -> pd.DataFrame:
    """What a run of each method costs, as means over finished runs, in the order of `main_table`.

    Columns: `runs`, `trainings` (in full, as if nothing were shared) and `trainings_amortised` (what runs
    share is divided among those in the frame), the full ones split into `trainings/<phase>`, all in standard
    trainings of the seed network; `wall_s` and `cpu_s` in seconds, `networks` (trained), `lost_macs` (MAC,
    work repeated after a kill; not in the sums).
    """
    done = df[df["status"] == "done"].groupby(GROUP)
    table = done[_COST_COLUMNS].mean()
    table.insert(0, "runs", done.size())
    order = pd.MultiIndex.from_frame(main_table(df)[GROUP])
    return table.reindex(order[order.isin(table.index)]).reset_index()


def failure_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every run that did not finish, with its status and its whole error text."""
    columns = [*GROUP, "seed", "id", "status", "error"]
    failed = df.loc[df["status"] != "done", columns]
    places = [tuple(natural(str(part)) for part in row) for row in failed[[*GROUP, "seed"]].to_numpy().tolist()]
    return failed.iloc[sorted(range(len(failed)), key=places.__getitem__)].reset_index(drop=True)


def natural(text: str) -> tuple[tuple[int, float, str], ...]:
    """A sorting key under which "weights 5%" comes before "weights 25%"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return tuple((1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts))


def _meets(score: float, target: float) -> str:
    if math.isnan(score) or math.isnan(target):
        return ""
    return "yes" if score >= target else "no"


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    places = [tuple(natural(str(part)) for part in key[:-1]) for key in table.index]
    names = [str(key[-1]) for key in table.index]
    share, score = (-table[c].fillna(-np.inf).to_numpy(dtype=float) for c in ("_share", "score"))
    order = sorted(range(len(table)), key=lambda i: (places[i], share[i], score[i], names[i]))
    return table.iloc[order]
