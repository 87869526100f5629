"""Watches a method at work, for `suite check`: what it reads, what it changes, and whether it trains uncharged."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from suite.data.base import Split
from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.task import Method, SearchResult, Task


class WatchedMethod:
    """`method`, whose result is the same; `findings` says what it does against the rules, `test` is the test data."""

    def __init__(self, method: Method, test: Split) -> None:
        self._method, self._test = method, test
        self.findings: list[str] = []
        self._trained = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """As the method's own."""
        before = _fingerprint(task)
        with self._watching_reads(), self._watching_backward():
            result = self._method.search(task, budget, meter)
        if self._trained and not meter.total().training_samples:
            self._find("trains and charges no sample: meter.charge_training(...)")
        if _fingerprint(task) != before:
            self._find("changed the examples of its task")
        return result

    def _find(self, text: str) -> None:
        """Keep a finding, each once."""
        if text not in self.findings:
            self.findings.append(text)

    @contextmanager
    def _watching_reads(self) -> Iterator[None]:
        read = Split.__getattribute__

        def watching_read(split: Split, name: str) -> Any:
            if split is self._test and name in ("x", "y", "columns"):
                self._find("read the test data during its search")
            return read(split, name)

        with mock.patch.object(Split, "__getattribute__", watching_read):
            yield

    @contextmanager
    def _watching_backward(self) -> Iterator[None]:
        """Find gradients that are computed while no phase of any meter is charged.

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
            self._trained = True
            if not running:
                self._find("trains outside the meter: gradients are computed in no `with meter.phase(...)`")
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
            digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
