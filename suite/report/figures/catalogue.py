"""The figures of the report, drawn from the frame and, where they show networks or epochs, from the runs' files.

Each is drawn only when asked for: `plan_figures` lists them, `PlannedFigure.draw` makes one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from suite.records.store import Store
from suite.report.figures import (
    attainment,
    best_so_far,
    choices,
    convergence,
    forest,
    memory_plan,
    operator_costs,
    score,
    trajectories,
    widths,
)
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.figures.pages import (
    FigurePage,
    RenderedFigure,
    page_of_experiment,
    pages_by_setting,
)
from suite.report.figures.style import drawing_style

log = logging.getLogger(__name__)

MOST_FIGURES = 48
"""Figures of one report: nobody looks at more."""

DrawPage = Callable[[FigurePage, Store], RenderedFigure]
SplitPage = Callable[[FigurePage, Store], Iterator[FigurePage]]

KINDS: dict[str, tuple[SplitPage, DrawPage]] = {
    convergence.KIND: (convergence.split, convergence.draw),
    forest.KIND: (forest.split, forest.draw),
    score.KIND: (score.split, score.draw),
    attainment.KIND: (attainment.split, attainment.draw),
    best_so_far.KIND: (best_so_far.split, best_so_far.draw),
    trajectories.KIND: (trajectories.split, trajectories.draw),
    widths.KIND: (widths.split, widths.draw),
    choices.KIND: (choices.split, choices.draw),
    memory_plan.KIND: (memory_plan.split, memory_plan.draw),
    operator_costs.KIND: (operator_costs.split, operator_costs.draw),
}
"""Kind of figure -> what divides a page into its pages (none where it has no data), and what draws one."""


@dataclass(frozen=True)
class PlannedFigure:
    """A figure to be drawn; `name` is its file's, without suffix. It can be pickled, to be drawn by another process."""

    kind: str
    name: str
    draw: Callable[[], RenderedFigure]


def plan_figures(
    df: pd.DataFrame, store: Store, form: FigureFormat = DEFAULT_FORMAT, kinds: Collection[str] = ()
) -> list[PlannedFigure]:
    """The figures that the finished runs of `df` have data for, of all `KINDS` or of `kinds`; none is drawn yet.

    At most `MOST_FIGURES`: the first page of each comes before any second one; what is left out is logged.
    """
    planned: list[tuple[FigurePage, PlannedFigure]] = []
    settings = list(pages_by_setting(df, form))
    wholes = [(page_of_experiment(df, form), [convergence.KIND])]
    wholes += [(whole, [kind for kind in KINDS if kind != convergence.KIND]) for whole in settings]
    for whole, names in wholes:
        for kind in names:
            if not kinds or kind in kinds:
                split, draw = KINDS[kind]
                planned += [(page, _plan_figure(kind, draw, page, store)) for page in split(whole, store)]
    planned = _make_names_unique(planned)
    order = sorted(range(len(planned)), key=lambda i: planned[i][0].number)
    if omitted := [planned[i][1].name for i in order[MOST_FIGURES:]]:
        log.warning("%d of %d figures are drawn, left out: %s", MOST_FIGURES, len(planned), ", ".join(omitted))
    return [planned[i][1] for i in sorted(order[:MOST_FIGURES])]


def _make_names_unique(planned: Sequence[tuple[FigurePage, PlannedFigure]]) -> list[tuple[FigurePage, PlannedFigure]]:
    """Figures of settings that give the same file name ("my-board", "my_board"), told apart by a digest of these."""
    uses = Counter(figure.name for _, figure in planned)
    names = [
        figure.name if uses[figure.name] == 1 else f"{figure.name}_{page.setting_digest}" for page, figure in planned
    ]
    return [(page, replace(figure, name=name)) for (page, figure), name in zip(planned, names, strict=True)]


def _plan_figure(kind: str, draw: DrawPage, page: FigurePage, store: Store) -> PlannedFigure:
    return PlannedFigure(kind, page.file_name(kind), partial(_draw_page, draw, page, store))


def _draw_page(draw: DrawPage, page: FigurePage, store: Store) -> RenderedFigure:
    with drawing_style(page.format):
        return draw(page, store)
