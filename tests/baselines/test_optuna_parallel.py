"""Trials of a generation in parallel: the same trials and the same record as one after the other."""

import math
import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from optuna.trial import FrozenTrial
from optuna_runs import BUDGET, comparable, facts, out_of_order, run, run_folder, same, stored_trials
from tasks import plan, task
from torch.nn import functional

from baselines.optuna_file import StudyFile
from baselines.optuna_samplers import make_sampler
from baselines.optuna_study import Halted, Proposal, Result, StudyLoop
from suite import SuiteError
from suite.config.plan import Plan
from suite.records.store import Store
from suite.task.meter import Meter
from suite.task.task import stream_seed

TWO = "method.parallel_trials=2"


class TestLoop:
    """The study loop, with scores out of nothing."""

    def _loop(self, sampler: str) -> StudyLoop:
        levels = dict.fromkeys("abcde", 6)
        return StudyLoop(levels, ["score", "cost"], lambda seed: make_sampler(sampler, 60, seed), 0)

    def _evaluate(self, proposal: Proposal) -> Result:
        if proposal.number % 7 == 3:
            raise ZeroDivisionError("now and then")
        cost = float(sum(proposal.levels.values()))
        return Result("trained", [math.sqrt(cost) - proposal.levels["a"], cost], {"cost": max(0.0, cost / 15 - 1)})

    @pytest.mark.parametrize("sampler", ["nsga2", "nsga3", "random"])
    def test_however_far_it_goes_ahead_it_proposes_the_same(self, sampler: str) -> None:
        expected = self._loop(sampler)
        for _ in range(60):
            expected.step(self._evaluate)
        rng, farthest = random.Random(0), 0
        loop = self._loop(sampler)
        while len(loop.trials) < 60:
            while not loop.ahead or (loop.certain and rng.random() < 0.8):
                loop.propose(lambda proposal: lambda past: self._evaluate(proposal))
                farthest = max(farthest, loop.ahead)
            loop.conclude()
        assert farthest >= 5
        assert [facts(t) for t in loop.trials[:60]] == [facts(t) for t in expected.trials]

    def test_it_never_goes_ahead_of_a_generation(self) -> None:
        loop = self._loop("nsga2")
        size = make_sampler("nsga2", 60, 0).population_size
        for _ in range(size):
            assert loop.certain
            loop.propose(lambda proposal: lambda past: self._evaluate(proposal))
        assert not loop.certain

    def test_tpe_waits_for_every_result(self) -> None:
        loop = self._loop("tpe")
        loop.propose(lambda proposal: lambda past: self._evaluate(proposal))
        assert not loop.certain


@pytest.mark.parametrize(
    "options",
    [
        ("method=nsga2", *BUDGET),
        ("method=nsga3", "method.trials=30", *BUDGET),
        ("method=nsga2", "method.cost_limit=2", "method.finetune_best=2"),
        ("method=random", "method.cost_limit=2.2", "method.finetune_best=3", "budget.weights=50%"),
        ("method=random", "method.weights=scratch", "method.trials=25", "method.levels=2", "budget.weights=25%"),
        ("method=nsga2", "space=both", "method.trials=9", "method.cost_limit=null", "recipe.train_samples=64"),
    ],
)
def test_whatever_ends_first_the_record_is_the_serial_one(options: tuple[str, ...], tmp_path: Path) -> None:
    """The limit included: a trial that it would not have let in is not trained."""
    with out_of_order() as trainers:
        parallel = _everything(plan(*options, TWO), tmp_path / "parallel")
    serial = _everything(plan(*options), tmp_path / "serial")
    assert parallel[0] == serial[0]
    assert same(parallel[1], serial[1])
    assert trainers[0].begun == [number for number, *_, facts in parallel[0] if facts["outcome"] == "trained"]


def _everything(made: Plan, folder: Path) -> tuple[list[Any], tuple[Any, pd.DataFrame]]:
    """Trials and record of a run, without times."""
    record = run(made, folder)
    assert record.status == "done", record.error
    trials = stored_trials(run_folder(made, folder), objectives=1 + len(record.targets))
    return [facts(t) for t in trials], comparable(record, run_folder(made, folder))


class TestWorkers:
    """In real processes."""

    @pytest.mark.parametrize("method", ["nsga2", pytest.param("random", marks=pytest.mark.slow)])
    def test_two_workers_give_the_serial_record(self, method: str, tmp_path: Path) -> None:
        options = (f"method={method}", "method.trials=14", *BUDGET)
        serial, parallel = _everything(plan(*options), tmp_path / "a"), _everything(plan(*options, TWO), tmp_path / "b")
        assert parallel[0] == serial[0]
        assert same(parallel[1], serial[1])

    def test_trouble_in_a_worker_is_told_as_in_this_process(self, tmp_path: Path) -> None:
        expected, trials = _search(tmp_path / "serial", _troubled, 1), _search(tmp_path / "parallel", _troubled, 2)
        outcomes = [t.user_attrs["outcome"] for t in trials]
        assert outcomes == ["trained", "failed", "diverged", "trained", "trained", "trained"]
        assert trials[1].user_attrs["reason"] == "MemoryError: no room"
        assert trials[2].user_attrs["reason"] == "trial-2: training loss is nan in epoch 0"
        assert [facts(t) for t in trials] == [facts(t) for t in expected], "with what the meter had charged"

    def test_a_worker_that_dies_ends_the_run_and_the_next_one_continues(self, tmp_path: Path) -> None:
        with pytest.raises(Halted, match="a worker process died"):
            _search(tmp_path / "killed", _deadly, 2)
        assert multiprocessing.active_children() == []
        expected, found = _search(tmp_path / "whole", _deadly, 1), _search(tmp_path / "killed", _deadly, 1)
        assert [facts(t) for t in found] == [facts(t) for t in expected]

    def test_a_task_that_cannot_be_sent_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        with pytest.raises(Halted, match=r"cannot be sent to other processes \(.*lambda"):
            _search(tmp_path, lambda outputs, _, targets: functional.cross_entropy(outputs, targets), 2)

    @pytest.mark.slow
    def test_they_may_be_started_by_a_launchers_own_workers(self, tmp_path: Path) -> None:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
        command = [
            sys.executable, "-m", "suite.cli", "run", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1",
            "preset=smoke", "method=random", "method.trials=4", TWO, "seed=0,1", "name=n",
        ]  # fmt: skip
        subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        assert [record.status for record in Store(tmp_path / "results", "n").records()] == ["done", "done"]


def _search(folder: Path, loss: Callable[..., torch.Tensor], workers: int) -> list[FrozenTrial]:
    """Trials of a short search with a loss of its own; what all of them propose fits."""
    of, made = task(
        folder, "method=nsga2", "method.trials=6", "recipe.train_samples=100", f"method.parallel_trials={workers}"
    )
    made.method.search(replace(of, loss=loss), made.budget, Meter(of.standard_macs))
    with closing(StudyFile(of.workspace.folder / "study.db", [])) as file:
        return file.finished()


def _is(label: str) -> bool:
    """Whether the training that runs is of that name, told by its stream of random numbers."""
    return torch.initial_seed() == stream_seed(0, label, "dropout", 0)


def _troubled(outputs: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if _is("trial-1"):
        raise MemoryError("no room")
    return functional.cross_entropy(outputs, targets) * (math.nan if _is("trial-2") else 1)


def _deadly(outputs: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if _is("trial-3") and multiprocessing.parent_process() is not None:
        os._exit(9)
    return functional.cross_entropy(outputs, targets)


class TestOption:
    """What the number of processes may be, and what it is not."""

    def test_it_does_not_enter_the_identity(self) -> None:
        one, two = plan("method=nsga2"), plan("method=nsga2", TWO)
        assert two.method.parallel_trials == 2
        assert (two.id, two.identity) == (one.id, one.identity)

    def test_tpe_takes_one(self) -> None:
        with pytest.raises(SuiteError, match="=2: tpe proposes a trial from the results of all before it"):
            plan("method=tpe", TWO)

    def test_a_gpu_takes_one(self, tmp_path: Path) -> None:
        of, made = task(tmp_path, "method=random", "method.weights=scratch", TWO)
        with pytest.raises(Halted, match="=2: only with compute=cpu"):
            made.method.search(replace(of, compute="cuda"), made.budget, Meter(1.0))
