"""What a trial of the Optuna methods costs besides training: proposal, exact costs, network, checkpoint, SQLite."""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from speed_figures import RecordFigure
from tasks import task

import suite.task.training as training
from baselines.optuna_budget import TrialBudget
from baselines.optuna_domain import domain_of
from baselines.optuna_file import StudyFile
from baselines.optuna_samplers import SAMPLERS, make_sampler
from baselines.optuna_study import StudyLoop
from baselines.optuna_trials import TrialEvaluator
from suite.task.meter import Meter

TRIALS = 60
# A smoke trial on digits, one epoch of 320 images, is about the shortest training there is: 45 to 60 ms. The overhead
# is 26 to 32 ms, 0.43 to 0.63 of it; the limit leaves room for slow disks and for neighbours.
LIMIT = 1.5


# a Gaussian process is fitted anew for each trial: tenths of a second, which pay where trainings take minutes
@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"gp"}))
def test_overhead_of_a_trial_is_small_against_a_smoke_trial(
    sampler: str, benchmark: Any, figure: RecordFigure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, made = task(tmp_path, f"method={sampler}", "budget.weights=50%", "budget.latency=50%", checkpoint_seconds=10)
    spent = _time_epochs(monkeypatch)
    domain, meter = domain_of(of, 8), Meter(of.standard_macs)
    trial_budget = TrialBudget(of, meter, None, 1, 1, 1)
    evaluator = TrialEvaluator(of, made.budget, meter, domain, trial_budget, of.new_network())
    objectives = ["score", *made.budget.targets]
    overheads, trainings = [], []
    with closing(StudyFile(tmp_path / "study.db", objectives)) as file:
        loop = StudyLoop(
            domain.level_counts,
            objectives,
            lambda seed: make_sampler(sampler, TRIALS, seed),
            0,
            file=file,
            snapshot=lambda: {"meter": meter.state(), "lost": dict(vars(meter.lost))},
        )

        def trial() -> None:
            spent[0], begun = 0.0, time.perf_counter()
            state = loop.run_trial(evaluator.evaluate).user_attrs["trial_state"]
            whole = time.perf_counter() - begun
            if state == "trained":
                trainings.append(spent[0])
                overheads.append(whole - spent[0])

        benchmark.pedantic(trial, rounds=TRIALS)
    assert len(overheads) >= TRIALS // 4
    overhead, training_seconds = statistics.median(overheads), statistics.median(trainings)
    figure("training of a smoke trial", training_seconds, "s")
    figure("overhead of a trial", overhead, "s")
    figure("overhead against training", overhead / training_seconds, "x", at_most=LIMIT)


def _time_epochs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """[seconds spent in epochs of training, with their evaluation]; anyone may set it back to 0."""
    seconds = [0.0]
    plain: Callable[[Any, int], None] = training._Trainer._epoch

    def timed(trainer: Any, epoch: int) -> None:
        begun = time.perf_counter()
        plain(trainer, epoch)
        seconds[0] += time.perf_counter() - begun

    monkeypatch.setattr(training._Trainer, "_epoch", timed)
    return seconds
