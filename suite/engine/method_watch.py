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


class _WatchedMethod:
    def __init__(self, method: Any, watch: Watch) -> None:
        self._method, self._watch = method, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        before = _fingerprint(task)
        self._watch.searching = True
        try:
            with _watching_backward(self._watch):
                result: SearchResult = self._method.search(task, budget, meter)
        finally:
            self._watch.searching = False
        if self._watch.trained and not meter.total().training_samples:
            self._watch.find("trains and charges no sample: meter.charge_training(...)")
        if _fingerprint(task) != before:
            self._watch.find("changed the examples of its task")
        return result


class _WatchedBenchmark:
    """A benchmark whose test split says when it is read during a search."""

    def __init__(self, benchmark: Any, watch: Watch) -> None:
        self._benchmark, self._watch = benchmark, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._benchmark, name)

    def source(self) -> Any:
        return _WatchedSource(self._benchmark.source(), self._watch)


class _WatchedSource:
    def __init__(self, source: Any, watch: Watch) -> None:
        self._source, self._watch = source, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def fingerprint(self) -> str:
        return f"{self._source.fingerprint()}, watched {id(self._watch)}"  # never the cached data of another run

    def load(self, cache: Path) -> Data:
        data: Data = self._source.load(cache)
        return replace(data, test=_WatchedSplit(data.test, self._watch))


class _WatchedSplit(Split):
    def __init__(self, split: Split, watch: Watch) -> None:
        object.__setattr__(self, "_split", split)
        object.__setattr__(self, "_watch", watch)

    def __getattribute__(self, name: str) -> Any:
        if name in ("x", "y", "columns"):
            watch = object.__getattribute__(self, "_watch")
            if watch.searching:
                watch.find("read the test data during its search")
            return getattr(object.__getattribute__(self, "_split"), name)
        return object.__getattribute__(self, name)


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
