"""Tasks to time trainings with: a benchmark's own recipe on a pack, or on random examples of the right shape."""

import itertools
from dataclasses import replace
from pathlib import Path

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from torch import nn

from suite.config.plan import Plan, make_plan
from suite.engine.harness import make_task
from suite.records.store import Store
from suite.task.meter import Meter, Usage
from suite.task.progress import Progress
from suite.task.splits import load_data
from suite.task.task import Task, Workspace
from suite.task.training import Phase, fit

EVALUATED = 20  # examples, after each epoch
_NUMBERS = itertools.count()  # of trainings: one with another's label would continue it


def speed_task(name: str, pack: Path, folder: Path, *overrides: str) -> tuple[Task, Plan]:
    """The task of benchmark `name` with the data of `pack`; checkpoints are written at the end of a training alone."""
    GlobalHydra.instance().clear()
    data_and_evaluation = [f"benchmark.data.pack={pack}", f"recipe.eval_samples={EVALUATED}"]
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        plan = make_plan(compose("config", [f"benchmark={name}", *data_and_evaluation, *overrides]))
    store = Store(folder, "speed")
    data = load_data(plan.benchmark, store)
    plan = replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
    return make_task(plan, data, Workspace(store.run_folder(plan.id), store, 1e9), Progress()), plan


class EpochTrainer:
    """Trains the reference network for one epoch at each call, each time from scratch, by the recipe of the warm-up."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._meter = Meter(task.standard_macs, task.compute)

    def __call__(self) -> None:
        """Train one epoch."""
        self.train(self.task.new_network())

    def train(self, network: nn.Module) -> None:
        """Train `network` for one epoch."""
        phase = Phase("warmup", self.task.recipe.warmup, 1, label=f"epoch {next(_NUMBERS)}")
        fit(self.task, network, self._meter, phase, macs=1.0)

    @property
    def usage(self) -> Usage:
        """Training samples and seconds of all epochs so far, without evaluation."""
        return replace(self._meter.phases["warmup"])
