"""Which runs share a figure: one benchmark, preset and device, and as many budgets as a page has room for."""

import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd
from matplotlib.artist import Artist

from suite.records.frame import by_metric
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.figures.panels import add_legend
from suite.report.figures.style import MethodStyle, StyledFigure, method_styles
from suite.report.grouping import REFERENCE_METHOD, SETTING, MethodVariant, natural_key, plain_variant
from suite.report.tables.notes import VALUES

T = TypeVar("T")

MOST_LINES = 4
"""Lines of panels in one figure, unless a single budget has more."""


MOST_SEEDS = 5
"""Runs of one method and budget that are drawn where a figure shows single runs: the first by seed."""

_TEXTS = tomllib.loads(Path(__file__).with_name("captions.toml").read_text(encoding="utf-8"))


class BudgetRow(NamedTuple):
    """A budget, the metrics on the axes of its panels, and the methods drawn for it, in the order of the main table."""

    budget: str
    metrics: tuple[str, ...]
    methods: tuple[MethodVariant, ...]


class MethodEntry(NamedTuple):
    """One method at one budget of a page, and its first `MOST_SEEDS` runs by seed."""

    row: BudgetRow
    method: MethodVariant
    runs: pd.DataFrame

    @property
    def run_ids(self) -> list[str]:
        """The runs' ids, by seed."""
        return [str(run) for run in self.runs["id"]]


@dataclass(frozen=True)
class RenderedFigure:
    """A figure with its file name (without suffix), a heading, and a caption that says what is drawn.

    Its runs are from one `setting` (benchmark, preset, device), or from all where that is empty; `number` counts the
    pages of a figure that needs several, from 1. `content` has its files by suffix once they are made.
    """

    name: str
    heading: str
    setting: tuple[str, ...]
    number: int
    caption: str
    figure: StyledFigure
    content: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Heading, setting and number in one line."""
        where = "{}, preset {}, {}".format(*self.setting) if self.setting else "all presets"
        return f"{self.heading}: {where}" + (f", part {self.number}" if self.number > 1 else "")


@dataclass(frozen=True)
class FigurePage:
    """The finished runs of one setting (benchmark, preset, device), and the budgets and methods that a figure shows.

    `setting` is empty on a page of the whole experiment.
    `number` counts the pages of a figure that needs several, from 1. `reference_score` is the mean test score of the
    reference network as `hand_tuned` trained it, NaN where it did not run.
    """

    setting: tuple[str, ...]
    number: int
    runs: pd.DataFrame
    rows: tuple[BudgetRow, ...]
    method_styles: dict[MethodVariant, MethodStyle]
    format: FigureFormat = DEFAULT_FORMAT
    reference_score: float = math.nan

    def runs_at(self, budget: str) -> pd.DataFrame:
        """The runs at one budget."""
        return self.runs[self.runs["budget"] == budget]

    @property
    def methods(self) -> tuple[MethodVariant, ...]:
        """The methods of all rows, each once."""
        return tuple(dict.fromkeys(method for row in self.rows for method in row.methods))

    @property
    def quality_target(self) -> float:
        """MLPerf Tiny's for the benchmark, in the unit of the score; NaN where it has none."""
        return float(self.runs["quality_target"].max())

    def entries(self) -> Iterator[MethodEntry]:
        """Every method of every row."""
        shown = self.runs[self.runs["budget"].isin([row.budget for row in self.rows])]
        groups = dict(iter(shown.sort_values(["seed", "id"]).groupby(["budget", "method"])))
        for row in self.rows:
            for method in row.methods:
                yield MethodEntry(row, method, groups[row.budget, method].head(MOST_SEEDS))

    def rows_with(self, entries: Collection[MethodEntry]) -> list[BudgetRow]:
        """The rows with the methods of `entries` alone; rows without any are left out."""
        chosen = {(entry.row.budget, entry.method) for entry in entries}
        rows = [row._replace(methods=tuple(m for m in row.methods if (row.budget, m) in chosen)) for row in self.rows]
        return [row for row in rows if row.methods]

    def seed_limit_note(self) -> str:
        """A sentence for the caption where a method has more runs than are drawn, else ""."""
        largest = int(self.runs.groupby(["budget", "method"]).size().max())
        more = largest > MOST_SEEDS
        return f"Of up to {largest} runs, those of the first {MOST_SEEDS} seeds are drawn." if more else ""

    def reference_note(self) -> str:
        """A sentence for the caption where the reference network's score is drawn, else ""."""
        line = "The dotted line is the mean score of the reference network, trained by hand_tuned."
        return line if math.isfinite(self.reference_score) else ""

    def file_name(self, kind: str) -> str:
        """The file name, without suffix, of the figure of this kind."""
        words = re.sub(r"[^A-Za-z0-9]+", "_", "_".join((kind, *self.setting))).strip("_")
        return words + (f"_{self.number}" if self.number > 1 else "")

    def render(self, kind: str, figure: StyledFigure, legend: Mapping[str, Artist], *notes: str) -> RenderedFigure:
        """Add a legend (label -> artist) if there is any, lay the figure out, and name it after what it shows and where
        it belongs; `notes` end its caption.
        """
        if legend:
            add_legend(figure, legend)
        # Once and for all: every file of the figure then has the same layout, and costs no further one.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        text = _TEXTS[kind]
        caption = " ".join(filter(None, [text["caption"].format(**VALUES), *notes]))
        return RenderedFigure(self.file_name(kind), text["heading"], self.setting, self.number, caption, figure)


def whole_pages(df: pd.DataFrame, form: FigureFormat) -> Iterator[FigurePage]:
    """A page without rows of all finished runs, then one per benchmark, preset and device, with all budgets; a method
    looks the same on all.
    """
    done = df[(df["status"] == "done") & df["score"].notna()]
    styles = method_styles(df["method"])
    yield FigurePage((), 1, done, (), styles, form)
    for setting, runs in sorted(done.groupby(SETTING)):
        benchmark, preset, device = map(str, setting)
        budgets = sorted(runs["budget"].unique(), key=natural_key)
        rows = tuple(_budget_row(budget, runs[runs["budget"] == budget]) for budget in budgets)
        reference_score = _mean_reference_score(runs)
        yield FigurePage((benchmark, preset, device), 1, runs, rows, styles, form, reference_score)


def _budget_row(budget: str, runs: pd.DataFrame) -> BudgetRow:
    """As in `main_table`, the methods that fit most often come first, then those of higher mean score.

    Metrics are the budgeted ones, or where nothing was budgeted the first two that were measured, one of them of
    weights.
    """
    measured = [metric for metric in by_metric(runs, "relative") if metric not in ("weights_full", "flash")]
    means = runs.assign(feasible=runs["feasible"].astype(float)).groupby("method")[["feasible", "score"]].mean()
    ordered = means.sort_values(["feasible", "score"], ascending=False, kind="stable")
    return BudgetRow(budget, tuple(by_metric(runs, "target") or measured[:2]), tuple(ordered.index))


def _mean_reference_score(runs: pd.DataFrame) -> float:
    """Mean test score of the reference network, NaN where it was not trained; of several ways that closest to the
    default.
    """
    trained = [method for method in runs["method"].unique() if method.method == REFERENCE_METHOD]
    if not trained:
        return math.nan
    return float(runs.loc[runs["method"] == plain_variant(trained), "score"].mean())


def split_rows(
    page: FigurePage, rows: Sequence[BudgetRow], most: float, size: Callable[[BudgetRow], float]
) -> Iterator[FigurePage]:
    """Numbered pages of `rows`, each of rows whose sizes add up to `most` at most, or of a single larger row."""
    groups: list[list[BudgetRow]] = []
    for row in rows:
        if groups and sum(map(size, [*groups[-1], row])) <= most:
            groups[-1].append(row)
        else:
            groups.append([row])
    for number, group in enumerate(groups, 1):
        runs = page.runs[page.runs["budget"].isin([row.budget for row in group])]
        yield replace(page, number=number, rows=tuple(group), runs=runs)


def split_by_methods(page: FigurePage, rows: Sequence[BudgetRow], most: int) -> Iterator[FigurePage]:
    """Pages of `most` methods at most; the methods of a budget that has more go over several."""
    parts = [row._replace(methods=row.methods[i : i + most]) for row in rows for i in range(0, len(row.methods), most)]
    return split_rows(page, parts, most, lambda row: len(row.methods))


def in_lines(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """The items in lines of `most`."""
    return [items[i : i + most] for i in range(0, len(items), most)]
