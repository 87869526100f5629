"""The figures of the report, drawn from the frame and, where they show networks or epochs, from the runs' files.

Each is drawn only when asked for: `plan_figures` lists them, `PlannedFigure.draw` makes one.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from suite.records.store import Store
from suite.report.figures import best_so_far, convergence, forest, score, trajectories, widths
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.figures.pages import FigurePage, RenderedFigure, whole_pages
from suite.report.figures.style import drawing_style

log = logging.getLogger(__name__)

MOST_FIGURES = 48
"""Figures of one report: nobody looks at more."""

DrawPage = Callable[[FigurePage, Store], RenderedFigure]
SplitPage = Callable[[FigurePage, Store], Iterator[FigurePage]]

KINDS: dict[str, tuple[SplitPage, DrawPage]] = {
    module.KIND: (module.split, module.draw)
    for module in (convergence, forest, score, best_so_far, trajectories, widths)
}
"""Kind of figure -> what divides a page into its pages (none where it has no data), and what draws one."""


@dataclass(frozen=True)
class PlannedFigure:
    """A figure to be drawn: the name of its file, without suffix, and the number of its page.

    It can be pickled, to be drawn by another process.
    """

    kind: str
    name: str
    number: int
    draw: Callable[[], RenderedFigure]


def plan_figures(
    df: pd.DataFrame, store: Store, form: FigureFormat = DEFAULT_FORMAT, kinds: Collection[str] = ()
) -> list[PlannedFigure]:
    """The figures that the finished runs of `df` have data for, of all `KINDS` or of `kinds`; none is drawn yet.

    At most `MOST_FIGURES`: the first page of each comes before any second one; what is left out is logged.
    """
    planned: dict[str, PlannedFigure] = {}
    for whole in whole_pages(df, form):
        for kind, (split, draw) in KINDS.items():
            if (kinds and kind not in kinds) or (kind == convergence.KIND) == bool(whole.setting):
                continue
            for page in split(whole, store):
                name = page.file_name(kind)
                if name in planned:  # of a device called my-board beside one called my_board
                    name += f"_{hashlib.sha256(repr((page.setting, page.number)).encode()).hexdigest()[:6]}"
                planned[name] = PlannedFigure(kind, name, page.number, partial(_draw_page, draw, page, store, name))
    if omitted := sorted(planned.values(), key=lambda figure: figure.number)[MOST_FIGURES:]:
        listed = ", ".join(figure.name for figure in omitted)
        log.warning("%d of %d figures are drawn, left out: %s", MOST_FIGURES, len(planned), listed)
    return [figure for figure in planned.values() if figure not in omitted]


def _draw_page(draw: DrawPage, page: FigurePage, store: Store, name: str) -> RenderedFigure:
    with drawing_style(page.format):
        return replace(draw(page, store), name=name)
