"""Who trains the network of a trial: this process, or several of its own making, with the same result.

A training is a function of the task and a `Job`: its random streams are named by the trial's label, its checkpoint is
its own, and it is charged to a meter of its own, which the run's meter adds when the trial is told. So it does not
matter where it runs, how far a killed process had come with it, and whether that one had workers.

Workers are started by "spawn". The task reaches each of them once, as it starts; its tensors lie in shared memory, one
copy for all. A job is a network of some kilobytes and is sent as bytes, a report has no tensors.
"""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Protocol

import torch
from torch import nn
from torch.multiprocessing import get_all_start_methods, get_context, get_start_method, set_start_method

from baselines.optuna_study import Halted, reason_of
from suite.engine.allocator import keep_freed_memory
from suite.task.meter import Meter, Usage
from suite.task.progress import Progress
from suite.task.task import Task
from suite.task.training import Diverged, Fit, Phase, fit


@dataclass(frozen=True)
class Job:
    """A training to do: of `network`, which has `macs` forward MACs, as `phase` says."""

    network: nn.Module
    phase: Phase
    macs: float


@dataclass(frozen=True)
class Report:
    """How a job ended and what it cost; without a `fit` it diverged or failed, with the reason."""

    fit: Fit | None
    usages: dict[str, dict[str, float]]
    lost: Usage
    diverged: str | None = None
    failed: str | None = None


class Trainer(Protocol):
    """Does jobs."""

    @property
    def capacity(self) -> int:
        """So many are worth starting before the first one's report is asked for."""

    def start(self, job: Job) -> Callable[[], Report]:
        """Begin a job, now or when it is asked for; the function that is returned waits for its report."""


def carry_out(task: Task, job: Job) -> Report:
    """Do a job in this process, or read its result from its checkpoint; an exception is what the report tells."""
    meter = Meter(task.standard_macs, task.compute)
    done, diverged, failed = None, None, None
    try:
        with meter.phase(job.phase.name):
            done = fit(task, job.network, meter, job.phase, macs=job.macs)
    except Diverged as error:
        diverged = str(error)
    except Exception as error:
        failed = reason_of(error)
    return Report(done, meter.state(), meter.lost, diverged, failed)


@dataclass(frozen=True)
class Inline:
    """This process, one job after the other, each when its report is asked for; the clocks of `meter` stop for it."""

    task: Task
    meter: Meter

    @property
    def capacity(self) -> int:
        """One: nothing is gained by going ahead."""
        return 1

    def start(self, job: Job) -> Callable[[], Report]:
        """A job for later."""

        def report() -> Report:
            with self.meter.paused():
                return carry_out(self.task, job)

        return report


class Processes:
    """Worker processes, each with as many threads as this one.

    Args:
        task: what they train on.
        workers: how many.
    """

    def __init__(self, task: Task, workers: int) -> None:
        self.capacity = 2 * workers  # something to do while the oldest trial, which is told first, still runs
        if get_start_method(allow_none=True) not in (None, *get_all_start_methods()):
            set_start_method("spawn", force=True)  # hydra's joblib launcher: its "loky" is unknown to those we start
        context = get_context("spawn")
        alive, self._alive = context.Pipe(duplex=False)
        # what a worker has no use for: networks come with the jobs, and a display of progress stays where it is
        sent = replace(task, reference_network=nn.Identity, supernet=None, choices=None, progress=Progress())
        self._executor = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_prepare, initargs=(sent, torch.get_num_threads(), alive)
        )

    def start(self, job: Job) -> Callable[[], Report]:
        """Hand out a job; the first ones start the workers.

        Raises:
            Halted: the task cannot be sent to another process, or a worker died.
        """
        try:
            future = self._executor.submit(_work, pickle.dumps(job))
        except BrokenProcessPool as error:
            raise _dead() from error
        except Exception as error:
            raise Halted(
                f"method.parallel_trials: the task cannot be sent to other processes ({reason_of(error)}). Shared "
                "memory (/dev/shm) must hold its data; method.parallel_trials=1 needs none"
            ) from error
        return lambda: _report(future)

    def close(self, *, at_once: bool) -> None:
        """End the workers, when they have done all jobs or at once; none is left afterwards."""
        if at_once:
            self._alive.close()
        self._executor.shutdown(cancel_futures=at_once)
        self._alive.close()


@contextmanager
def trainer_of(task: Task, meter: Meter, workers: int) -> Iterator[Trainer]:
    """Who trains with so many workers: this process where there is one. They end with the block, at once on an error.

    Raises:
        Halted: several, where they could not promise the same results.
    """
    if workers == 1:
        yield Inline(task, meter)
        return
    if task.compute != "cpu":
        raise Halted(f"method.parallel_trials={workers}: only with compute=cpu; compute={task.compute} takes 1")
    processes = Processes(task, workers)
    try:
        yield processes
    except BaseException:
        processes.close(at_once=True)
        raise
    processes.close(at_once=False)


def _report(future: Future[Report]) -> Report:
    """A worker's report without its wall seconds: those of the process that waits are the run's."""
    try:
        report = future.result()
    except BrokenProcessPool as error:
        raise _dead() from error
    return replace(report, usages={name: {**usage, "wall_s": 0.0} for name, usage in report.usages.items()})


def _dead() -> Halted:
    return Halted(
        "method.parallel_trials: a worker process died (out of memory, or a script without "
        'if __name__ == "__main__"). The next call continues; fewer workers need less memory'
    )


_task: Task | None = None
_counted = 0.0
"""CPU seconds of this worker that are in a report."""


def _prepare(task: Task, threads: int, alive: Connection) -> None:
    """Set a worker up as the harness does its own process; it ends when its parent closes `alive` or dies."""
    global _task
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us
    torch.set_num_threads(threads)
    keep_freed_memory()
    _task = task


def _end_with(alive: Connection) -> None:
    """Nothing is ever sent: what there is to read is the end of the other side.

    An executor's workers outlive a killed parent, and would write checkpoints beside those of its successor.
    """
    alive.poll(None)
    os._exit(1)


def _work(job: bytes) -> Report:
    global _counted
    assert _task is not None
    idle = time.process_time() - _counted  # starting up, taking jobs
    report = carry_out(_task, pickle.loads(job))
    _counted = time.process_time()
    return replace(report, usages=_with_cpu(report.usages, idle))


def _with_cpu(usages: Mapping[str, dict[str, float]], seconds: float) -> dict[str, dict[str, float]]:
    return {**usages, "search": {**usages["search"], "cpu_s": usages["search"]["cpu_s"] + seconds}}
