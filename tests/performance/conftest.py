"""What tests of speed share: figures with unit and goal, and times of two functions in turns.

`pytest tests/performance --benchmark-only --benchmark-quiet` prints the figures; pytest-benchmark's own table shows all
numbers as seconds.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from machine import file_name, machine, processor
from pairs import Pairs, TimePairs
from speed_figures import Figure, RecordFigure, render, rows, words_of_test

_FIGURES = pytest.StashKey[list[Figure]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-figures", type=Path, metavar="FOLDER", help="write figures of speed to FOLDER/<processor>.csv"
    )


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> RecordFigure:
    """Adds a number to the figures of this session, and fails the test where it misses its goal."""
    test, case = words_of_test(request.node.name)
    figures = request.config.stash.setdefault(_FIGURES, [])

    def record(
        name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        __tracebackhide__ = True
        figures.append(Figure(test, case, name, value, unit, torch.get_num_threads(), at_least, at_most))
        assert figures[-1].met, str(figures[-1])

    return record


@pytest.fixture
def time_pairs(benchmark: Any, request: pytest.FixtureRequest) -> TimePairs:
    """Times two functions in turns, the reference first: the rounds of pytest-benchmark are those of the other.

    The clock is that of the test's marker, `pytest.mark.benchmark(timer=...)`; the wall's where there is none.
    """
    marker = request.node.get_closest_marker("benchmark")
    clock = marker.kwargs["timer"] if marker else time.perf_counter

    def measure(
        tested: Callable[[], object], reference: Callable[[], object], *, rounds: int, warmup: int = 0
    ) -> Pairs:
        for _ in range(warmup):
            reference(), tested()
        reference_seconds: list[float] = []

        def time_reference() -> None:
            start = clock()
            reference()
            reference_seconds.append(clock() - start)

        benchmark.pedantic(tested, setup=time_reference, rounds=rounds)
        return Pairs(reference_seconds, benchmark.stats.stats.data)

    return measure


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash.get(_FIGURES, [])
    if not figures:
        return
    terminalreporter.section(f"speed on {processor()}")
    terminalreporter.write_line(render(figures))
    folder = config.getoption("--record-figures", default=None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_name(processor())}.csv"
        rows(figures, machine()).to_csv(path, index=False)
        terminalreporter.write_line(f"written to {path}")
