"""The headline: what one method, named before anything ran, saves, and whether its score is shown not to suffer."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.records.labels import option_text
from suite.records.plan_note import PlanNote
from suite.records.status import counted, run_states
from suite.records.store import Store
from suite.report.grouping import GROUP, SETTING, MethodVariant, sort_by_setting
from suite.report.statistics.intervals import FEWEST_PAIRS, holm_errors
from suite.report.statistics.noninferiority import MARGIN, PairedDifference
from suite.report.tables.markup import MISSING
from suite.report.tables.noninferiority import ERRORS, add_reductions
from suite.report.tables.text import add_fits, format_number, format_percent, format_points, leading_columns

_CANDIDATE, _BUDGET = "headline/candidate", "headline/budget"


def unrecorded_plans(store: Store, recorded_ids: Iterable[str]) -> list[PlanNote]:
    """The runs that are planned in the store and have no usable record: missing, running or unreadable ones."""
    recorded = set(recorded_ids)
    return [state.plan for state in run_states(store) if state.id not in recorded]


def named_candidates(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The distinct (method's label, budget) that the runs name; the budget is "" where every one is meant."""
    named = runs.loc[runs[_CANDIDATE] != "", [_CANDIDATE, _BUDGET]].drop_duplicates()
    return sorted((str(method), str(budget)) for method, budget in named.to_numpy().tolist())


def planned_runs(df: pd.DataFrame, unrecorded: Sequence[PlanNote]) -> pd.DataFrame:
    """All planned runs by `GROUP`: whether each has a record, `finished`, and was `named` as the headline's candidate;
    of plans without a record the latter is not known, and taken for granted.
    """
    named = (df[_CANDIDATE] == df["method"].map(str)) & ((df[_BUDGET] == "") | (df[_BUDGET] == df["budget"]))
    recorded = df[GROUP].assign(recorded=True, finished=df["status"] == "done", named=named)
    rest = pd.DataFrame([_group_of(plan) for plan in unrecorded], columns=GROUP)
    return pd.concat([recorded, rest.assign(recorded=False, finished=False, named=True)]) if len(rest) else recorded


def _runs_of(planned: pd.DataFrame, group: Iterable[Any]) -> pd.DataFrame:
    return planned[np.logical_and.reduce([planned[key] == value for key, value in zip(GROUP, group, strict=True)])]


def _group_of(plan: PlanNote) -> tuple[Any, ...]:
    variant = tuple((option, option_text(value)) for option, value in plan.variant.items())
    return (plan.benchmark, plan.preset, plan.device, plan.budget, MethodVariant(plan.method, variant))


_NUMBERS = ["score", "fits", "against", "difference", "low", "high", "half_width", "pairs", "examples", "power"]


def headline_table(df: pd.DataFrame, tests: pd.DataFrame, unrecorded: Sequence[PlanNote] = ()) -> pd.DataFrame:
    """The candidates that the runs of each benchmark, preset and device name.

    `tests` is the `noninferiority_table` of `df`, `unrecorded` are the `unrecorded_plans` of its store. Columns: those
    of GROUP with `method` as text, `verdict`, the columns of `tests`, where `low` and `high` are one-sided bounds
    corrected for `compared` rows, `half_width` (from the difference to the lower bound), and `power` (the share of
    cases in which a true difference of 0 would be shown with as many seeds and this spread).

    Verdict on a candidate: "shown" where the lower bound is above minus one point, "refuted" where the upper bound is
    below it, else "undecided". Each bound has the error at which Holm's procedure over the candidates compares its p
    (`holm_errors`), so that bound and Holm's decision are the same. Before any of these:

    - "named after the fact: 5 of 6 runs": so many of its runs do not name it;
    - "incomplete: 5 of 7 runs", or "reference incomplete: 4 of 5 runs": so many finished of those planned;
    - "does not fit: 3/5": a run misses its budget, so that nothing is shown whatever the score;
    - "tabled, 3 seeds": fewer pairs than `FEWEST_PAIRS`.
    """
    metrics = [f"reduction_percent/{metric}" for metric in by_metric(tests, "reduction_percent")]
    rows: list[dict[str, Any]] = []
    by_setting, planned = dict(iter(tests.groupby(SETTING))), planned_runs(df, unrecorded)
    for setting, runs in df.groupby(SETTING):
        if named := named_candidates(runs):
            judged = _judge_candidates(by_setting.get(setting, tests.head(0)), named, planned)
            rows += [dict(zip(SETTING, setting, strict=True)) | row for row in judged]
    columns = [*GROUP, "verdict", "compared", *_NUMBERS, "why", *metrics, "extrapolated"]
    return sort_by_setting(pd.DataFrame(rows, columns=columns), SETTING)


def _judge_candidates(
    tests: pd.DataFrame, named: Sequence[tuple[str, str]], planned: pd.DataFrame
) -> list[dict[str, Any]]:
    """A row per candidate, corrected for their number, those without a row in `tests` included."""
    labels = tests["method"].map(str)
    chosen = [(labels == method) & ((tests["budget"] == budget) | (budget == "")) for method, budget in named]
    candidates = tests[np.logical_or.reduce(chosen)]
    absent = [pair for pair, members in zip(named, chosen, strict=True) if not members.any()]
    p = np.array([*candidates["p"], *[math.nan] * len(absent)], dtype=float)
    # What is not tested is not rejected, but counts: the other bounds do not change when it is.
    shown, refuted = (holm_errors(np.nan_to_num(side, nan=1.0)) for side in (p, 1 - p))
    rows = []
    for (_, row), *errors in zip(candidates.iterrows(), shown, refuted, strict=False):
        adjusted = _adjusted_row(row, *errors) | {"compared": len(p)}
        rows.append(adjusted | {"verdict": _incomplete(row, planned) or _verdict(adjusted)})
    why = "no run of it has finished, or none of the reference network"
    nothing = {"verdict": "not yet run", "fits": "0/0", "why": why, "compared": len(p), "extrapolated": ""}
    return rows + [{"method": method, "budget": budget or "any", **nothing} for method, budget in absent]


def _incomplete(row: pd.Series, planned: pd.DataFrame) -> str:
    """Why a candidate is not judged though it ran, or "": it was not named beforehand, or runs are missing."""
    own = _runs_of(planned, row[GROUP])
    if unnamed := int((~own["named"]).sum()):
        return f"named after the fact: {unnamed} of {own['recorded'].sum()} runs"
    if not own["finished"].all():
        return f"incomplete: {own['finished'].sum()} of {len(own)} runs"
    budgets = {row["budget"], row["against_budget"]}
    references = pd.concat([_runs_of(planned, (*row[SETTING], budget, row["against"])) for budget in budgets])
    finished = references["finished"]
    return "" if finished.all() else f"reference incomplete: {finished.sum()} of {len(finished)} runs"


def _verdict(row: dict[str, Any]) -> str:
    """What the bounds of a candidate say of its score."""
    fit, ran = row["fits"].split("/")
    if fit != ran:
        return f"does not fit: {row['fits']}"
    if row["pairs"] < FEWEST_PAIRS:
        return f"tabled, {counted(row['pairs'], 'seed')}"
    return "shown" if row["low"] > -MARGIN else "refuted" if row["high"] < -MARGIN else "undecided"


def _adjusted_row(row: pd.Series, error_low: float, error_high: float) -> dict[str, Any]:
    """A row of the tests with a lower and an upper bound at these errors, and its power at that of the lower one."""
    test = PairedDifference(*row[ERRORS])
    half = test.half_width(error_low)
    bounds: dict[str, Any] = {"low": test.difference - half, "high": test.difference + test.half_width(error_high)}
    bounds |= {"half_width": half, "power": test.power(error=error_low)}
    return {str(column): value for column, value in row.items()} | bounds | {"method": str(row["method"])}


def format_headline_table(table: pd.DataFrame) -> pd.DataFrame:
    """`headline_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ("method", "budget", "verdict"))
    add_reductions(out, table)
    add_fits(out, table)
    out["float score"] = [format_number(v, 3) for v in table["score"]]
    for column, heading in (("difference", "difference, points"), ("low", "lower bound"), ("high", "upper bound")):
        out[heading] = [format_points(v) for v in table[column]]
    out["half-width"] = [format_number(100 * v) for v in table["half_width"]]
    out["seeds"] = [format_number(v, 0) for v in table["pairs"]]
    out["power, %"] = [format_percent(100 * v) for v in table["power"]]
    if table["why"].any():
        out["no bound because"] = table["why"].replace("", MISSING)
    return out
