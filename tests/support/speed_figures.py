"""Figures of speed: what was measured, in which unit, against which goal; as a table to read and as rows of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from typing import Protocol

import pandas as pd
from rich.console import Console
from rich.table import Table

UNITS = {"x": "x", "s": " s", "samples/s": " samples/s", "%": " %"}
"""The units, and how each follows its number. A ratio is in "x"."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    test: the test's name in plain words; case: its parameters, empty where it has none.
    threads: of the CPU, that the measured code ran on.
    at_least, at_most: the goal, in the same unit; both None where the figure is for the record only.
    """

    test: str
    case: str
    name: str
    value: float
    unit: str
    threads: int
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"{self.name}: unit {self.unit!r}, choices are {', '.join(UNITS)}")

    @property
    def text(self) -> str:
        """The value with its unit, such as "1.89x" or "1,210 samples/s"."""
        if self.unit == "%":
            return f"{self.value:.1f} %"
        digits = f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:#.3g}"
        return digits + UNITS[self.unit]

    @property
    def goal(self) -> str:
        """Such as "at least 1.60x"; empty where there is none."""
        limits = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {limit:g}{UNITS[self.unit]}" for word, limit in limits if limit is not None)

    @property
    def met(self) -> bool:
        """Whether the value is within its goal; True where there is none."""
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        return f"{self.name} is {self.text}" + (f", its goal is {self.goal}" if self.goal else "")


class RecordFigure(Protocol):
    """The fixture `figure` of tests/performance: records a number, and fails the test where it misses its goal."""

    def __call__(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None: ...


def words_of_test(name: str) -> tuple[str, str]:
    """Test in plain words and case: "test_a_step_is_fast[ds_cnn-fp32]" -> ("A step is fast", "ds_cnn, fp32")."""
    function, _, parameters = name.partition("[")
    words = function.removeprefix("test_").replace("_", " ").replace("pytorch", "PyTorch")
    return words[0].upper() + words[1:], parameters.removesuffix("]").replace("-", ", ")


def render(figures: Sequence[Figure]) -> str:
    """A table for each test, below each other; goals that were missed are marked."""
    out = Console(file=StringIO(), width=140)
    for test, group in groupby(figures, key=lambda figure: figure.test):
        table = Table(box=None, title=test, title_justify="left", title_style="", show_header=False, padding=(0, 2))
        table.add_column(min_width=20)
        table.add_column(min_width=32)
        table.add_column(min_width=18, justify="right")
        table.add_column()
        for figure in group:
            missed = "" if figure.met else "  MISSED"
            table.add_row(figure.case, figure.name, figure.text, figure.goal + missed)
        out.print(table)
    assert isinstance(out.file, StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines())


def rows(figures: Sequence[Figure], machine: dict[str, str | int]) -> pd.DataFrame:
    """One row a figure, in its unit and to four digits, with the facts of the machine."""
    return pd.DataFrame(
        {
            "test": figure.test,
            "case": figure.case,
            "figure": figure.name,
            "value": float(f"{figure.value:.4g}"),
            "unit": figure.unit,
            "goal": figure.goal,
            "threads": figure.threads,
            **machine,
        }
        for figure in figures
    )
