"""Watches a method at work, for `suite check`: what it reads, what it changes, and whether it trains uncharged."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from suite.config.plan import Plan
from suite.data.base import Data, Split
from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.task import SearchResult, Task


@dataclass
class Watch:
    """What was found; test data is watched while a search runs."""

    findings: list[str] = field(default_factory=list)
    searching: bool = False
    trained: bool = False

    def find(self, text: str) -> None:
        """Keep a finding, each once."""
        if text not in self.findings:
            self.findings.append(text)


def watched(plan: Plan, watch: Watch) -> Plan:
    """`plan` with a method and test data that tell `watch` what happens; its result is the same."""
    benchmark = _WatchedBenchmark(plan.benchmark, watch)
    return replace(plan, method=_WatchedMethod(plan.method, watch), benchmark=benchmark)  # type: ignore[arg-type]


class _Watched:
    """`inner`, whose use is told to `watch`; a subclass overrides what is watched."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _WatchedMethod(_Watched):
    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        before = _fingerprint(task)
        self._watch.searching = True
        try:
            with _watching_backward(self._watch):
                result: SearchResult = self._inner.search(task, budget, meter)
        finally:
            self._watch.searching = False
        if self._watch.trained and not meter.total().training_samples:
            self._watch.find("trains and charges no sample: meter.charge_training(...)")
        if _fingerprint(task) != before:
            self._watch.find("changed the examples of its task")
        return result


class _WatchedBenchmark(_Watched):
    """A benchmark whose test split says when it is read during a search."""

    def source(self) -> Any:
        return _WatchedSource(self._inner.source(), self._watch)


class _WatchedSource(_Watched):
    def fingerprint(self) -> str:
        return f"{self._inner.fingerprint()}, watched {id(self._watch)}"  # never the cached data of another run

    def load(self, cache: Path) -> Data:
        data: Data = self._inner.load(cache)
        return replace(data, test=_WatchedSplit(data.test, self._watch))


class _WatchedSplit(Split):
    def __init__(self, split: Split, watch: Watch) -> None:
        super().__init__(split.x, split.y, split.columns)
        object.__setattr__(self, "_watch", watch)

    def __getattribute__(self, name: str) -> Any:
        if name in ("x", "y", "columns"):
            watch = vars(self).get("_watch")
            if watch is not None and watch.searching:
                watch.find("read the test data during its search")
        return super().__getattribute__(name)


@contextmanager
def _watching_backward(watch: Watch) -> Iterator[None]:
    """Tell `watch` of gradients that are computed while no phase of any meter is charged.

    What runs share, as a training of the reference network, has a meter of its own.
    """
    backward, phase, running = torch.autograd.backward, Meter.phase, 0

    @contextmanager
    def watching_phase(meter: Meter, name: str) -> Iterator[None]:
        nonlocal running
        running += 1
        try:
            with phase(meter, name):
                yield
        finally:
            running -= 1

    def watching_backward(*args: Any, **kwargs: Any) -> None:
        watch.trained = True
        if not running:
            watch.find("trains outside the meter: gradients are computed in no `with meter.phase(...)`")
        backward(*args, **kwargs)

    with (
        mock.patch.object(torch.autograd, "backward", watching_backward),
        mock.patch.object(Meter, "phase", watching_phase),
    ):
        yield


def _fingerprint(task: Task) -> str:
    digest = hashlib.sha256()
    for split in (task.train, task.validation):
        for tensor in (split.x, split.y, *split.columns.values()):
            digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()
