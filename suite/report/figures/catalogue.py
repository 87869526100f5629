"""The figures of the report, drawn from the frame and, where they show networks or epochs, from the runs' files.

Each is drawn only when asked for: `plan_figures` lists them, `PlannedFigure.draw` makes one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import pandas as pd

from suite.records.store import Store
from suite.report.figures import (
    attainment,
    choices,
    convergence,
    cost,
    forest,
    hypervolume,
    layer_memory,
    memory_plan,
    operator_costs,
    profiles,
    ranks,
    score,
    sensitivity,
    trajectories,
    violations,
    widths,
)
from suite.report.figures.pages import (
    FigurePage,
    RenderedFigure,
    page_of_experiment,
    pages_across_benchmarks,
    pages_by_setting,
)
from suite.report.figures.style import PAPER, drawing_style

log = logging.getLogger(__name__)

MOST_FIGURES = 48
"""Figures of one report: nobody looks at more."""

DrawPage = Callable[[FigurePage, Store], RenderedFigure]
SplitPage = Callable[[FigurePage, Store], Iterator[FigurePage]]

_KINDS: tuple[tuple[str, SplitPage, DrawPage], ...] = (
    (forest.KIND, forest.split, forest.draw),
    (score.KIND, score.split, score.draw),
    (violations.KIND, violations.split, violations.draw),
    (cost.KIND, cost.split, cost.draw),
    (hypervolume.KIND, hypervolume.split, hypervolume.draw),
    (attainment.KIND, attainment.split, attainment.draw),
    (trajectories.KIND, trajectories.split, trajectories.draw),
    (widths.KIND, widths.split, widths.draw),
    (choices.KIND, choices.split, choices.draw),
    (layer_memory.KIND, layer_memory.split, layer_memory.draw),
    (memory_plan.KIND, memory_plan.split, memory_plan.draw),
    (operator_costs.KIND, operator_costs.split, operator_costs.draw),
    (sensitivity.KIND, sensitivity.split, sensitivity.draw),
)
"""Name of a kind of figure, what divides a page into its pages (none where it has no data), and what draws one."""

_KINDS_ACROSS_BENCHMARKS: tuple[tuple[str, SplitPage, DrawPage], ...] = (
    (profiles.KIND, profiles.split, profiles.draw),
    (ranks.KIND, ranks.split, ranks.draw),
)
"""The same for figures of several benchmarks at once."""

_KINDS_OF_EXPERIMENT: tuple[tuple[str, SplitPage, DrawPage], ...] = (
    (convergence.KIND, convergence.split, convergence.draw),
)
"""The same for figures of several presets at once."""


@dataclass(frozen=True)
class PlannedFigure:
    """A figure to be drawn; `name` is its file's, without suffix. It can be pickled, to be drawn by another process."""

    name: str
    draw: Callable[[], RenderedFigure]


def plan_figures(
    df: pd.DataFrame, store: Store, style: str = PAPER, names: Collection[str] = ()
) -> list[PlannedFigure]:
    """The figures that the finished runs of `df` have data for; none is drawn yet.

    At most `MOST_FIGURES`: the first page of each comes before any second one; what is
    left out is logged. With `names` those figures alone, as far as there are any, and no others are looked for.

    Raises:
        SuiteError: `style` is neither paper nor slides.
    """
    planned: list[tuple[FigurePage, PlannedFigure]] = []
    kinds_of_experiment = ((page_of_experiment(df, style), kind) for kind in _KINDS_OF_EXPERIMENT)
    kinds_by_setting = ((whole, kind) for whole in pages_by_setting(df, style) for kind in _KINDS)
    kinds_across = ((whole, kind) for whole in pages_across_benchmarks(df, style) for kind in _KINDS_ACROSS_BENCHMARKS)
    for whole, (kind, split, draw) in chain(kinds_of_experiment, kinds_by_setting, kinds_across):
        if names and not any(name.startswith(whole.file_name(kind)) for name in names):
            continue
        planned += [(page, _plan_figure(kind, draw, page, store)) for page in split(whole, store)]
    planned = _make_names_unique(planned)
    if names:
        return [figure for _, figure in planned if figure.name in names]
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
    return PlannedFigure(page.file_name(kind), partial(_draw_page, draw, page, store))


def _draw_page(draw: DrawPage, page: FigurePage, store: Store) -> RenderedFigure:
    with drawing_style(page.style):
        return draw(page, store)
