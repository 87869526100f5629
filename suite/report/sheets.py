"""Which runs share a figure: one benchmark, preset and device, and as many budgets as a page has room for."""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.report.order import natural
from suite.report.style import Look, StyledFigure, looks, page_format, settle

ENTRIES = 28
"""Methods times lines of panels in one figure, unless a single budget has more."""

MOST_BUDGETS = 8
"""Budgets of one benchmark, preset and device that are drawn; of more, so many evenly spread ones."""


class Row(NamedTuple):
    """A budget, the metrics on the axes of its panels, and the methods drawn for it, best mean score first."""

    budget: str
    metrics: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A figure with its file name (without suffix), a heading and a caption that says what is drawn."""

    name: str
    title: str
    caption: str
    figure: StyledFigure


@dataclass(frozen=True)
class Sheet:
    """The finished runs of one benchmark, preset and device, and those budgets and methods that one figure shows.

    `seed_score` is the mean test score of the runs that returned the seed network whole; `left_out` is a sentence for
    the caption.
    """

    place: tuple[str, str, str]
    part: int
    runs: pd.DataFrame
    rows: tuple[Row, ...]
    looks: dict[str, Look]
    style: str = "paper"
    seed_score: float = math.nan
    left_out: str = ""

    def at(self, budget: str) -> pd.DataFrame:
        """The runs at one budget."""
        return self.runs[self.runs["budget"] == budget]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of all rows, each once."""
        return tuple(dict.fromkeys(method for row in self.rows for method in row.methods))

    @property
    def limited(self) -> list[Row]:
        """The rows of budgets that limit something."""
        return [row for row in self.rows if by_metric(self.at(row.budget), "target")]

    @property
    def quality_target(self) -> float:
        """MLPerf Tiny's for the benchmark, in the unit of the score; NaN where it has none."""
        return float(self.runs["quality_target"].max())

    def name(self, kind: str) -> str:
        """The file name, without suffix, of the figure of this kind."""
        words = re.sub(r"[^A-Za-z0-9]+", "_", "_".join((kind, *self.place))).strip("_")
        return words + (f"_{self.part}" if self.part > 1 else "")

    @property
    def digest(self) -> str:
        """Six hex digits that stand for place and part."""
        return hashlib.sha256(repr((self.place, self.part)).encode()).hexdigest()[:6]

    def picture(self, kind: str, title: str, caption: str, figure: StyledFigure) -> Picture:
        """Lay the figure out, and name it after what it shows and where it belongs."""
        settle(figure)
        where = "{}, preset {}, {}".format(*self.place) + (f", part {self.part}" if self.part > 1 else "")
        return Picture(self.name(kind), f"{title}: {where}", f"{caption} {self.left_out}".rstrip(), figure)


def sheets(df: pd.DataFrame, style: str = "paper") -> Iterator[Sheet]:
    """One sheet per benchmark, preset and device, with all budgets that are drawn; a method looks the same on all."""
    done = df[(df["status"] == "done") & df["score"].notna()]
    colours = looks(df["method"])
    for place, runs in sorted(done.groupby(["benchmark", "preset", "device"])):
        benchmark, preset, device = map(str, place)
        budgets = sorted(runs["budget"].unique(), key=natural)
        shown = [str(budget) for budget in _spread(budgets, MOST_BUDGETS)]
        left_out = ""
        if len(shown) < len(budgets):
            left_out = f"Of {len(budgets)} budgets, {len(shown)} evenly spread ones are drawn; the tables have all."
        ranking = runs.groupby(["budget", "method"])["score"].mean().groupby("method").mean()
        order = [str(method) for method in ranking.sort_values(ascending=False, kind="stable").index]
        rows = tuple(_row(budget, runs[runs["budget"] == budget], order) for budget in shown)
        yield Sheet((benchmark, preset, device), 1, runs, rows, colours, style, _seed_score(runs), left_out)


def sheets_across(df: pd.DataFrame, style: str = "paper") -> Iterator[Sheet]:
    """One sheet without rows per preset and device on which several benchmarks were run."""
    done = df[(df["status"] == "done") & df["score"].notna()]
    colours = looks(df["method"])
    for (preset, device), runs in sorted(done.groupby(["preset", "device"])):
        if runs["benchmark"].nunique() > 1:
            yield Sheet(("several benchmarks", str(preset), str(device)), 1, runs, (), colours, style)


def _row(budget: str, runs: pd.DataFrame, order: Sequence[str]) -> Row:
    present = set(runs["method"])
    return Row(budget, _axes(runs), tuple(method for method in order if method in present))


def _seed_score(runs: pd.DataFrame) -> float:
    costs = [f"relative/{metric}" for metric in by_metric(runs, "relative")]
    whole = (runs[costs].fillna(1) == 1).all(axis=1) if costs else runs["id"] == ""
    return float(runs.loc[whole, "score"].mean())


def _spread(items: Sequence[str], most: int) -> Sequence[str]:
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]


def pages(sheet: Sheet, rows: Sequence[Row], most: int, size: Callable[[Row], int]) -> Iterator[Sheet]:
    """A part of `sheet` for each page of `rows`, whose sizes add up to `most` at most, or of a single row."""
    groups: list[list[Row]] = []
    for row in rows:
        if groups and sum(map(size, [*groups[-1], row])) <= most:
            groups[-1].append(row)
        else:
            groups.append([row])
    for part, group in enumerate(groups, 1):
        runs = sheet.runs[sheet.runs["budget"].isin([row.budget for row in group])]
        yield replace(sheet, part=part, rows=tuple(group), runs=runs)


def by_panels(sheet: Sheet, rows: Sequence[Row]) -> Iterator[Sheet]:
    """Pages by lines of panels, a line for two metrics of a budget."""
    methods = max((len(row.methods) for row in rows), default=1)
    most = max(1, min(page_format(sheet.style).lines, ENTRIES // methods))
    return pages(sheet, rows, most, lambda row: len(pairs(row.metrics)))


def by_methods(sheet: Sheet, rows: Sequence[Row], most: int) -> Iterator[Sheet]:
    """Pages of `most` methods at most; the methods of a budget that has more go over several."""
    cut = [row._replace(methods=row.methods[i : i + most]) for row in rows for i in range(0, len(row.methods), most)]
    return pages(sheet, cut, most, lambda row: len(row.methods))


def pairs(metrics: Sequence[str]) -> list[Sequence[str]]:
    """The metrics of a budget, two in a line: what a column of text has room for."""
    return [metrics[i : i + 2] for i in range(0, len(metrics), 2)]


def _axes(runs: pd.DataFrame) -> tuple[str, ...]:
    """The budgeted metrics, or the first two that were measured where nothing was budgeted."""
    measured = [metric for metric in by_metric(runs, "relative") if metric != "weights_full"]
    return tuple(by_metric(runs, "target")) or tuple(measured[:2])
