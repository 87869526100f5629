"""Which runs share a figure: one benchmark, preset and device, and as many budgets as a page has room for."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from suite.report.frame import by_metric
from suite.report.style import Look, looks
from suite.report.tables import main_table, natural

LINES = 4
"""Lines of panels in one figure; budgets beyond make a further figure, so that each fits a page."""

ENTRIES = 28
"""Methods times lines of panels in one figure, unless a single budget has more."""

Row = tuple[str, tuple[str, ...]]
"""A budget and the metrics on the axes of its panels."""


@dataclass(frozen=True)
class Picture:
    """A figure with its file name (without suffix), a heading and a caption that says what is drawn."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Sheet:
    """The finished runs of one benchmark, preset and device, and those budgets that one figure shows."""

    place: tuple[str, str, str]
    part: int
    runs: pd.DataFrame
    rows: tuple[Row, ...]
    methods: tuple[str, ...]
    looks: dict[str, Look]

    def at(self, budget: str) -> pd.DataFrame:
        """The runs at one budget."""
        return self.runs[self.runs["budget"] == budget]

    def order(self, budget: str) -> list[str]:
        """The methods that have runs at `budget`, in the sheet's order."""
        present = set(self.at(budget)["method"])
        return [method for method in self.methods if method in present]

    @property
    def limited(self) -> list[Row]:
        """The rows of budgets that limit something."""
        return [(budget, metrics) for budget, metrics in self.rows if by_metric(self.at(budget), "target")]

    @property
    def quality_target(self) -> float:
        """MLPerf Tiny's for the benchmark, in the unit of the score; NaN where it has none."""
        return float(self.runs["quality_target"].max())

    def picture(self, kind: str, title: str, caption: str, figure: Figure) -> Picture:
        """Name the figure after what it shows and where it belongs."""
        words = re.sub(r"[^A-Za-z0-9]+", "_", "_".join((kind, *self.place))).strip("_")
        name = words + (f"_{self.part}" if self.part > 1 else "")
        where = "{}, preset {}, {}".format(*self.place) + (f", part {self.part}" if self.part > 1 else "")
        return Picture(name, f"{title}: {where}", caption, figure)


def sheets(df: pd.DataFrame) -> Iterator[Sheet]:
    """One sheet per benchmark, preset, device and page of budgets; a method looks the same on all of them."""
    done = df[(df["status"] == "done") & df["score"].notna()]
    colours = looks(df["method"])
    for place, runs in sorted(done.groupby(["benchmark", "preset", "device"])):
        benchmark, preset, device = map(str, place)
        budgets = sorted(runs["budget"].unique(), key=natural)
        ranking = main_table(runs).groupby("method")["score"].mean().sort_values(ascending=False, kind="stable")
        rows = [(budget, _axes(runs[runs["budget"] == budget])) for budget in budgets]
        most = max(1, min(LINES, ENTRIES // len(ranking)))
        for part, page in enumerate(_pages(rows, most), 1):
            yield Sheet((benchmark, preset, device), part, runs, page, tuple(ranking.index), colours)


def _pages(rows: Sequence[Row], most: int) -> Iterator[tuple[Row, ...]]:
    """Split the budgets so that each page has at most `most` lines of panels, or a single budget."""
    page: list[Row] = []
    for row in rows:
        if page and sum(len(pairs(metrics)) for _, metrics in [*page, row]) > most:
            yield tuple(page)
            page = []
        page.append(row)
    yield tuple(page)


def pairs(metrics: Sequence[str]) -> list[Sequence[str]]:
    """The metrics of a budget, two in a line: what a column of text has room for."""
    return [metrics[i : i + 2] for i in range(0, len(metrics), 2)]


def _axes(runs: pd.DataFrame) -> tuple[str, ...]:
    """The budgeted metrics, or the first two that were measured where nothing was budgeted."""
    measured = [metric for metric in by_metric(runs, "relative") if metric != "weights_full"]
    return tuple(by_metric(runs, "target")) or tuple(measured[:2])
