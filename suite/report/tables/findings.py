"""What an experiment found, in a sentence a budget: which of the methods that fit scores best, and by how much."""

import math
from collections.abc import Mapping

import pandas as pd

from suite.records.status import counted
from suite.report.grouping import REFERENCE_METHOD, MethodVariant
from suite.report.statistics.comparison import MethodRuns
from suite.report.statistics.intervals import FEWEST_PAIRS, Interval, mean_interval
from suite.report.tables.differences import Budget, runs_by_budget
from suite.report.tables.text import format_number, format_points

NO_BUDGET = "none"


def find(df: pd.DataFrame) -> list[str]:
    """A sentence for each budget with a limit, in the order of the runs; `df` is the `report_frame`.

    Only methods whose finished runs all meet every constraint are ranked, the best by mean test score compared with the
    next and with the reference network, both over paired seeds. The best was picked by what it is compared in: a lead
    is described and never called shown.
    """
    budgets = {budget: runs for budget, runs in runs_by_budget(df).items() if budget[3] != NO_BUDGET}
    several = len({budget[:3] for budget in budgets}) > 1
    return [_sentence(budget, methods, several) for budget, methods in budgets.items()]


def _sentence(budget: Budget, methods: Mapping[MethodVariant, MethodRuns], several: bool) -> str:
    where = f"{', '.join(budget[:3])}, {budget[3]}" if several else budget[3]
    fitting = sorted((r for r in methods.values() if all(r.feasible)), key=lambda r: (-_mean(r), r.method))
    if not fitting:
        return f"{where}: no method fits in every run."
    best, *others = fitting
    score = f"{best.method} {format_number(_mean(best), 3)}"
    parts = [f"{where}: {score} is the only method that fits in every run"]
    if others:
        fit = f"of {len(fitting)} methods that fit in every run"
        parts = [f"{where}: {score} scores best {fit}, {_lead(best, others[0])}"]
    reference = next((r for r in methods.values() if r.method == MethodVariant(REFERENCE_METHOD)), None)
    if reference is not None and reference not in fitting:
        parts.append(f"against the reference network, which does not fit, {_difference(best, reference)}")
    return f"{'; '.join(parts)}."


def _lead(best: MethodRuns, second: MethodRuns) -> str:
    interval = _interval(best, second)
    if interval.mean == 0:
        return f"as does {second.method}"
    if interval.mean < 0 or (math.isfinite(interval.low) and interval.low <= 0):  # means over other seeds may differ
        return f"not told apart from {second.method} ({_difference(best, second)})"
    return f"ahead of {second.method} by {_difference(best, second)}"


def _difference(method: MethodRuns, other: MethodRuns) -> str:
    """ "+0.61 points [-0.20, +1.42], 3 seeds"."""
    interval = _interval(method, other)
    if interval.n == 0:
        return "no seed in common"
    mean, _, bounds = format_points(interval.mean, interval.low, interval.high).partition(" ")
    few = ", too few for a claim" if interval.n < FEWEST_PAIRS else ""
    return f"{mean} points{f' {bounds}' if bounds else ''}, {counted(interval.n, 'seed')}{few}"


def _interval(method: MethodRuns, other: MethodRuns) -> Interval:
    """Of the difference of scores over paired seeds."""
    ours, theirs = method.paired(other)
    return mean_interval([a - b for a, b in zip(ours.scores, theirs.scores, strict=True)])


def _mean(runs: MethodRuns) -> float:
    return sum(runs.scores) / len(runs.scores)
