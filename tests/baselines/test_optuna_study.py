"""The study loop: evolution evolves, no kill changes what it finds, and whatever a trial does it goes on.

Scores are synthetic, costs are those of DS-CNN: nothing is trained here.
"""

import math
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
import sqlalchemy
from devices import device
from optuna.trial import TrialState
from optuna_runs import trial_content

from baselines.optuna_domain import WidthLevels, even_widths
from baselines.optuna_file import StudyFile
from baselines.optuna_samplers import SAMPLERS, make_sampler, population_size
from baselines.optuna_study import Proposal, StudyLoop, TrialResult
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.space.width_space import Widths, WidthSpace

SLOW = pytest.mark.slow
SPACE = WidthSpace(trace(DsCnn(), (1, 49, 10)), device("nucleo_l4r5zi"))
LEVELS = WidthLevels(SPACE.groups, 8)
SHARES = {"weights": 0.25, "latency": 0.25}
OBJECTIVES = ["score", *SHARES]
SATURATES = (0.1, 0.4, 0.15, 0.6, 0.25)  # at which share of its width each group has most of what it can give


@cache
def _score_and_ratios(widths: Widths) -> tuple[float, dict[str, float]]:
    costs = SPACE.exact(widths)
    free = [widths[i] / SPACE.full[i] for i in SPACE.free]
    score = math.prod(1 - math.exp(-w / s) for w, s in zip(free, SATURATES, strict=True))
    return score, {metric: costs[metric] / SPACE.reference_costs[metric] for metric in SHARES}


def synthetic(proposal: Proposal) -> TrialResult:
    """A product of saturating terms, one a layer, under a budget that 18 % of all networks meet."""
    score, ratios = _score_and_ratios(LEVELS.widths(proposal.levels))
    violations = {metric: max(0.0, ratios[metric] / share - 1) for metric, share in SHARES.items()}
    if any(violations.values()):
        return TrialResult("infeasible", [0.0, *ratios.values()], violations)
    return TrialResult("trained", [score, *ratios.values()], violations)


def loop_of(sampler: str, seed: int, trials: int, **options: Any) -> StudyLoop:
    counts = {name: len(widths) for name, widths in LEVELS.choices.items()}
    return StudyLoop(counts, OBJECTIVES, lambda s: make_sampler(sampler, trials, s), seed, **options)


def hypervolume(sampler: str, seed: int, trials: int) -> float:
    """Of the feasible trials, in score and costs over the reference network's, with reference point (0, 1, 1)."""
    loop = loop_of(sampler, seed, trials)
    for _ in range(trials):
        loop.run_trial(synthetic)
    points = [[-t.values[0], *t.values[1:]] for t in loop.trials if t.user_attrs["trial_state"] == "trained"]
    return float(moocore.hypervolume(np.array(points), ref=[0, 1, 1])) if points else 0.0


@pytest.mark.parametrize(("trials", "seeds", "margin"), [(200, 4, 0.005), pytest.param(500, 10, 0.015, marks=SLOW)])
def test_evolution_beats_random_search_in_hypervolume(trials: int, seeds: int, margin: float) -> None:
    evolved, drawn = (
        np.mean([hypervolume(sampler, seed, trials) for seed in range(seeds)]) for sampler in ("nsga2", "random")
    )
    assert evolved >= drawn + margin


@pytest.mark.parametrize(("trials", "size"), [(0, 4), (20, 4), (50, 7), (100, 10), (500, 22), (10_000, 50)])
def test_a_population_is_the_square_root_of_the_trials(trials: int, size: int) -> None:
    assert population_size(trials) == size


@pytest.mark.parametrize(
    ("size", "levels", "widths"), [(64, 8, (1, 10, 19, 28, 37, 46, 55, 64)), (3, 8, (1, 2, 3)), (1, 8, (1,))]
)
def test_levels_are_even_from_one_to_full(size: int, levels: int, widths: tuple[int, ...]) -> None:
    assert even_widths(size, levels) == widths


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_violations_reach_the_study_as_constraints(sampler: str, tmp_path: Path) -> None:
    with closing(StudyFile(tmp_path / "study.db", OBJECTIVES)) as file:
        loop = loop_of(sampler, 0, 30, file=file)
        for _ in range(30):
            loop.run_trial(synthetic)
        stored = file.finished_trials()
    for trials in (loop.trials, stored):
        assert len(trials) == 30
        for trial in trials:
            assert trial.constraints == pytest.approx(synthetic(Proposal(0, trial.params, ())).constraints)
    assert {max(trial.constraints.values()) > 0 for trial in stored} == {True, False}
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert all(max(trial.constraints.values()) == 0 for trial in study.best_trials), "Optuna takes only what fits"
    assert study.metric_names == OBJECTIVES


def test_violations_drive_evolution_where_nothing_fits() -> None:
    """All infeasible, and the objectives say the contrary: constrained domination looks at the violations alone."""
    loop = loop_of("nsga2", 0, 100)
    for _ in range(100):
        proposed = loop.run_trial(
            lambda p: TrialResult("infeasible", [sum(p.levels.values()), 1, 1], {"weights": sum(p.levels.values())})
        )
    violations = [t.constraints["weights"] for t in loop.trials]
    assert np.mean(violations[-20:]) < 0.5 * np.mean(violations[:20])
    assert proposed.number == 99


class TestRepeats:
    """A parameter set that comes again."""

    def _loop(self) -> StudyLoop:
        return StudyLoop({"a": 2, "b": 1}, ["score"], lambda seed: make_sampler("random", 10, seed), 0)

    def test_is_answered_from_its_first_result(self) -> None:
        loop, evaluated = self._loop(), []

        def evaluate(proposal: Proposal) -> TrialResult:
            evaluated.append(proposal.number)
            return TrialResult("trained", [proposal.number], {"weights": 0.5}, {"costs": {"macs": 1.0}})

        for _ in range(10):
            loop.run_trial(evaluate)
        assert len(evaluated) == 2
        for trial in loop.trials:
            first = next(t for t in loop.trials if t.params == trial.params)
            assert (trial.values, trial.constraints) == (first.values, first.constraints)
            assert trial.user_attrs["costs"] == {"macs": 1.0}
            if trial is not first:
                assert trial.user_attrs["trial_state"] == "repeated"
                assert trial.user_attrs["repeats"] == first.number

    def test_fails_again_where_it_failed(self) -> None:
        loop, calls = self._loop(), []

        def evaluate(proposal: Proposal) -> TrialResult:
            calls.append(proposal.number)
            raise MemoryError("too large")

        for _ in range(10):
            loop.run_trial(evaluate)
        assert len(calls) == 2
        assert {t.state for t in loop.trials} == {TrialState.FAIL}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_trial_that_raises_fails_with_its_reason_and_the_study_goes_on(sampler: str, tmp_path: Path) -> None:
    def evaluate(proposal: Proposal) -> TrialResult:
        if proposal.number % 3 == 1:
            raise ZeroDivisionError("out of luck")
        return synthetic(proposal)

    with closing(StudyFile(tmp_path / "study.db", OBJECTIVES)) as file:
        loop = loop_of(sampler, 0, 12, file=file)
        for _ in range(12):
            loop.run_trial(evaluate)
        stored = file.finished_trials()
    assert len(stored) == 12
    failed = [t for t in stored if t.user_attrs["trial_state"] == "failed"]
    assert {t.state for t in failed} == {TrialState.FAIL}
    assert {t.user_attrs["reason"] for t in failed} == {"ZeroDivisionError: out of luck"}
    assert sum(t.state == TrialState.COMPLETE for t in stored) >= 5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_infeasible_region_ends_no_study(sampler: str) -> None:
    loop = loop_of(sampler, 0, 40)
    for _ in range(40):
        loop.run_trial(
            lambda p: TrialResult("infeasible", [-1e3, 1.0, 1.0], {"weights": 1 + p.levels["stem"], "latency": 0.5})
        )
    assert [t.state for t in loop.trials] == [TrialState.COMPLETE] * 40
    assert all(t.user_attrs["milliseconds"] > 0 for t in loop.trials)


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


@contextmanager
def killed_at(moment: int) -> Iterator[Callable[[], int]]:
    """Raise `Killed` at the `moment`-th event: an SQL statement, a commit, or a call of what is yielded."""
    events = 0

    def happen(*args: Any) -> int:
        nonlocal events
        events += 1
        if events == moment:
            raise Killed
        return events

    engine = sqlalchemy.engine.Engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", happen)
    sqlalchemy.event.listen(engine, "commit", happen)
    try:
        yield happen
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", happen)
        sqlalchemy.event.remove(engine, "commit", happen)


def _search(path: Path, sampler: str, trials: int, moment: int = 0) -> tuple[list[Any], int]:
    """Search until the event `moment`, if it comes; what the trials were, and how many events there were."""
    with killed_at(moment) as happen, closing(StudyFile(path, OBJECTIVES)) as file:
        loop = loop_of(sampler, 0, trials, file=file)

        def evaluate(proposal: Proposal) -> TrialResult:
            happen()  # killed while it trains
            if proposal.number % 11 == 5:
                raise ZeroDivisionError("now and then")
            result = synthetic(proposal)
            happen()  # killed with a result that nobody wrote down
            return result

        while len(loop.trials) < trials:
            loop.run_trial(evaluate)
        return [trial_content(trial) for trial in loop.trials], happen()


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3", *(pytest.param(n, marks=SLOW) for n in ("tpe", "random"))])
def test_killed_at_20_moments_it_finds_the_same_trials(sampler: str, tmp_path: Path) -> None:
    trials = 40
    expected, events = _search(tmp_path / "whole.db", sampler, trials)
    rng = random.Random(sampler)
    path, kills = tmp_path / "killed.db", 0
    for _ in range(20):
        try:
            _search(path, sampler, trials, moment=rng.randint(1, events // 8))
        except Killed:
            kills += 1
    assert kills >= 15
    continued, _ = _search(path, sampler, trials)
    assert continued == expected
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT state FROM trials ORDER BY state").fetchall() == [
            ("COMPLETE",),
            ("FAIL",),
        ]
        assert connection.execute("SELECT COUNT(*) FROM trials").fetchone() == (trials,), "none twice, none half"


def test_a_finished_trial_is_never_evaluated_again(tmp_path: Path) -> None:
    evaluated: list[int] = []

    def evaluate(proposal: Proposal) -> TrialResult:
        evaluated.append(proposal.number)
        return synthetic(proposal)

    for _ in range(10):
        with closing(StudyFile(tmp_path / "study.db", OBJECTIVES)) as file:
            loop = loop_of("nsga2", 0, 20, file=file)
            loop.run_trial(evaluate)
    repeated = [t.number for t in loop.trials if t.user_attrs["trial_state"] == "repeated"]
    assert sorted(evaluated + repeated) == list(range(10))


def test_a_trial_that_somebody_left_running_is_failed_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "study {x}?.db"
    with closing(StudyFile(path, OBJECTIVES)) as file:
        loop = loop_of("nsga2", 0, 20, file=file)
        for _ in range(5):
            loop.run_trial(synthetic)
        file._study.ask()
    with closing(StudyFile(path, OBJECTIVES)) as file:
        assert len(file.finished_trials()) == 5
        assert [t.state for t in file._study.trials][5:] == [TrialState.FAIL]
        loop = loop_of("nsga2", 0, 20, file=file)
        for _ in range(5):
            loop.run_trial(synthetic)
        continued = [trial_content(t) for t in loop.trials]
        assert [t.params for t in file.finished_trials()] == [t.params for t in loop.trials]
    whole = loop_of("nsga2", 0, 20)
    for _ in range(10):
        whole.run_trial(synthetic)
    assert continued == [trial_content(t) for t in whole.trials]
