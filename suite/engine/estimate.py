"""How long the runs of a sweep take on this machine, from a few measured steps of training."""

import math
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from suite.config.plan import Plan
from suite.data.base import Data
from suite.engine.harness import make_task
from suite.engine.preflight import check_method, check_outputs, without_examples
from suite.records.store import Store, content_id
from suite.task.cost_limit import Lengths
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.reference_training import train_reference
from suite.task.splits import load_data, subset
from suite.task.task import Task, Workspace

_BATCHES = 8
"""Batches of a measured training: enough to tell minutes from hours."""


class Estimate:
    """Core seconds of the runs of a sweep, by benchmark, and standard trainings, at this machine's pace.

    A run counts its cost limit or, without one, its epochs, those of a warm-up that it shares with earlier runs apart.
    What a search takes beyond a training as long, and what it saves where its network gets smaller, is left out.
    """

    def __init__(self) -> None:
        self.core_seconds: defaultdict[str, float] = defaultdict(float)
        self.trainings = 0.0
        self._pace: dict[str, float] = {}
        self._sizes: dict[str, Data] = {}
        self._warmups: set[str] = set()

    def add(self, plan: Plan, store: Store) -> None:
        """Check a run against its data, before anything is trained, and count it.

        Raises:
            SuiteError: it cannot work: its data, its reference network's outputs, or the method refuses the task.
        """
        key = plan.task.shared_key["data"]
        # the pace depends on everything that trainings are shared by, but the random seed
        pace_key = content_id({key: value for key, value in plan.task.shared_key.items() if key != "seed"})
        if key not in self._sizes or pace_key not in self._pace:  # a damaged file is found now, not after hours
            data = load_data(plan.benchmark, store)
            self._pace[pace_key] = math.nan  # where the training fails, as it will in its run, which records why
            with suppress(Exception):
                self._pace[pace_key] = _seconds_per_epoch(plan, data)
            self._sizes[key] = without_examples(data)
        check_outputs(plan, self._sizes[key])
        task = make_task(plan, self._sizes[key], Workspace(store.run_folder(plan.id), store), Progress())
        check_method(plan, task)
        epochs = self._epochs(plan, task)
        self.trainings += epochs / task.recipe.epochs
        self.core_seconds[plan.benchmark.name] += epochs * self._pace[pace_key]

    def _epochs(self, plan: Plan, task: Task) -> float:
        """Epochs of the reference network that the run is worth."""
        if limit := getattr(plan.method, "cost_limit", None):
            return float(limit) * task.recipe.epochs
        if (planned := getattr(plan.method, "planned_epochs", None)) is not None:
            return float(planned(task))
        lengths = Lengths.of(task.recipe)
        warmup = content_id({"epochs": lengths.warmup, **plan.task.shared_key})
        first = warmup not in self._warmups
        self._warmups.add(warmup)
        return lengths.search + lengths.finetune + first * lengths.warmup

    def __str__(self) -> str:
        """ "about 3.4 core hours (keyword_spotting 0.5, visual_wake_words 2.9)"."""
        hours = {name: seconds / 3600 for name, seconds in sorted(self.core_seconds.items())}
        total = sum(hours.values())
        if math.isnan(total):
            return "time unknown, a first step of training failed"
        if total < 0.1:
            return f"about {max(1, round(60 * total))} core min"
        each = f" ({', '.join(f'{name} {value:.1f}' for name, value in hours.items())})" if len(hours) > 1 else ""
        return f"about {total:.1f} core hours{each}"


def _seconds_per_epoch(plan: Plan, data: Data) -> float:
    """Core seconds of training the reference network, evaluation included; the best of three measurements."""
    plan = replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, plan.threads))
    try:
        return min(_measure(plan, data) for _ in range(3))
    finally:
        torch.set_num_threads(threads)


def _measure(plan: Plan, data: Data) -> float:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Store(Path(folder), "estimate"), checkpoint_seconds=math.inf)
        task = make_task(plan, data, workspace, Progress())
        share = min(1.0, _BATCHES * task.recipe.batch / len(task.train))
        train, validation = (
            subset(split, max(1, round(share * len(split)))) for split in (task.train, task.validation)
        )
        few = replace(task, train=train, validation=validation)
        # Of the processor, in all threads, since other processes slow down the wall's clock; a GPU's time has no such.
        clock = time.perf_counter if few.compute == "cuda" else time.process_time
        started = clock()
        train_reference(few, Meter(few.standard_macs, few.compute), 1)
        return (clock() - started) / share
