"""The candidates that an experiment named before it ran, and whether all runs that they need are there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from suite.records.labels import option_text
from suite.records.plan_note import PlanNote
from suite.records.status import run_states
from suite.records.store import Store
from suite.report.grouping import GROUP, MethodVariant

_CANDIDATE, _BUDGET = "headline/candidate", "headline/budget"


def unrecorded_plans(store: Store, recorded_ids: Iterable[str]) -> list[PlanNote]:
    """The runs that are planned in the store and have no usable record: missing, running or unreadable ones."""
    recorded = set(recorded_ids)
    return [state.plan for state in run_states(store) if state.id not in recorded]


def named_candidates(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The distinct (method's label, budget) that the runs name; the budget is "" where every one is meant."""
    named = runs.loc[runs[_CANDIDATE] != "", [_CANDIDATE, _BUDGET]].drop_duplicates()
    return sorted((str(method), str(budget)) for method, budget in named.to_numpy().tolist())


@dataclass(frozen=True)
class RunCounts:
    """Of one method at one budget: the runs that are planned, those with a record, those that finished, and those whose
    record does not name the method as the headline's candidate.
    """

    planned: int
    recorded: int
    finished: int
    unnamed: int


class PlannedRuns:
    """Counts the runs of methods at budgets, from the frame of all records and the plans that have none."""

    def __init__(self, df: pd.DataFrame, unrecorded: Sequence[PlanNote] = ()) -> None:
        self._records: Mapping[Any, pd.DataFrame] = dict(iter(df.groupby(GROUP)))
        self._unrecorded = [_group_of(plan) for plan in unrecorded]
        self._none = df.head(0)

    def count(self, group: tuple[Any, ...]) -> RunCounts:
        """The counts of a group, values of the columns `GROUP`."""
        records = self._records.get(group, self._none)
        label, budget = str(group[-1]), group[-2]
        names_it = (records[_CANDIDATE] == label) & records[_BUDGET].isin(["", budget])
        finished = int((records["status"] == "done").sum())
        planned = len(records) + self._unrecorded.count(group)
        return RunCounts(planned, len(records), finished, int((~names_it).sum()))


def _group_of(plan: PlanNote) -> tuple[Any, ...]:
    variant = tuple((option, option_text(value)) for option, value in plan.variant.items())
    return (plan.benchmark, plan.preset, plan.device, plan.budget, MethodVariant(plan.method, variant))
