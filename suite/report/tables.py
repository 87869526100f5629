"""Tables over seeds as frames of raw numbers: results, further scores, search cost, failures."""

import math
from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import GROUP, by_metric
from suite.records.record import PHASES
from suite.report.order import natural
from suite.report.statistics.intervals import Interval, mean_intervals, wilson

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
    `fits` ("2/3": runs that meet every constraint) with Wilson's 95 % bounds of their share in [0, 1] as `fits_low` and
    `fits_high`, `seed_percent/<metric>` (mean cost in % of the seed's),
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
    intervals = _intervals(done, "score")
    for name, bound in (("score", "mean"), ("score_low", "low"), ("score_high", "high")):
        table[name] = pd.Series({key: getattr(i, bound) for key, i in intervals.items()}, dtype=float)
    table["quality_target"] = groups["quality_target"].first()
    table["meets_target"] = list(map(_meets, table["score"], table["quality_target"]))
    counts = table[["seeds", "runs", "unfinished"]].fillna(0).astype(int)
    table[["seeds", "runs", "unfinished"]] = counts
    fitting = groups["feasible"].sum().reindex(table.index, fill_value=0).astype(int)
    table["fits"] = [f"{fit}/{n}" for fit, n in zip(fitting, counts["runs"], strict=True)]
    shares = [wilson(int(fit), int(n)) for fit, n in zip(fitting, counts["runs"], strict=True)]
    table["fits_low"], table["fits_high"] = [s.low for s in shares], [s.high for s in shares]
    for metric in by_metric(df, "relative"):
        table[f"seed_percent/{metric}"] = groups[f"relative/{metric}"].mean() * 100
    for metric in by_metric(df, "target"):
        used = done[f"cost/{metric}"] / done[f"target/{metric}"] * 100
        table[f"target_percent/{metric}"] = used.groupby([done[key] for key in GROUP]).mean()
    for name in ("max_violation", "max_search_violation"):
        table[name] = groups[name].max()
    table["trainings"] = groups["trainings"].mean()
    return _ordered(table.assign(_share=groups["feasible"].mean())).drop(columns="_share").reset_index()


def score_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> pd.DataFrame:
    """Test scores other than the main one, in the order of `main_table` (`main`); empty where no run has any.

    Columns: `runs`, and for each score `score/<name>` with `score_low/<name>` and `score_high/<name>` (mean over
    finished runs, 95 % interval). A benchmark without a score of that name has NaN.
    """
    names = sorted(by_metric(df, "score"), key=natural)
    done = df[df["status"] == "done"]
    table = done.groupby(GROUP).size().rename("runs").to_frame()
    for name in names:
        intervals = _intervals(done, f"score/{name}")
        for part, bound in (("score", "mean"), ("score_low", "low"), ("score_high", "high")):
            table[f"{part}/{name}"] = pd.Series({key: getattr(i, bound) for key, i in intervals.items()}, dtype=float)
    table = table[table[[f"score/{name}" for name in names]].notna().any(axis=1)]
    return _in_order(table, df, main)


def cost_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> pd.DataFrame:
    """What a run of each method costs, as means over finished runs, in the order of `main_table` (`main`).

    Columns: `runs`, `trainings` (in full, as if nothing were shared) and `trainings_amortised` (what runs
    share is divided among those in the frame), the full ones split into `trainings/<phase>`, all in standard
    trainings of the seed network; `wall_s` and `cpu_s` in seconds, `networks` (trained), `lost_macs` (MAC,
    work repeated after a kill; not in the sums).
    """
    done = df[df["status"] == "done"].groupby(GROUP)
    table = done[_COST_COLUMNS].mean()
    table.insert(0, "runs", done.size())
    return _in_order(table, df, main)


def failure_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every run that did not finish, with its status and its whole error text."""
    columns = [*GROUP, "seed", "id", "status", "error"]
    failed = df.loc[df["status"] != "done", columns]
    places = [tuple(natural(str(part)) for part in row) for row in failed[[*GROUP, "seed"]].to_numpy().tolist()]
    return failed.iloc[sorted(range(len(failed)), key=places.__getitem__)].reset_index(drop=True)


def _intervals(done: pd.DataFrame, column: str) -> dict[Any, Interval]:
    """Mean and interval of a column of finished runs by GROUP."""
    values = done[column].to_numpy(dtype=float)
    groups = done.groupby(GROUP).indices  # a series for each group would take ten times as long
    found = mean_intervals(values[np.asarray(members)] for members in groups.values())
    return dict(zip(groups, found, strict=True))


def _in_order(table: pd.DataFrame, df: pd.DataFrame, main: pd.DataFrame | None) -> pd.DataFrame:
    order = pd.MultiIndex.from_frame((main_table(df) if main is None else main)[GROUP])
    return table.reindex(order[order.isin(table.index)]).reset_index()


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
