"""Mean ranks of methods with their critical difference, where there are enough problems to rank them on."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import seaborn as sns

from suite.records.store import Store
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import NAME_WIDTH, add_panels, label_methods, marker_options, wrap_label
from suite.report.figures.style import INK_COLOUR, new_figure
from suite.report.grouping import MethodVariant
from suite.report.statistics.across_benchmarks import mean_ranks, problem_scores
from suite.report.statistics.intervals import ERROR

log = logging.getLogger(__name__)

KIND = "ranks"

FEWEST_PROBLEMS = 6
"""Pairs of benchmark and budget below which nothing is ranked: Friedman's approximation needs more than five."""

FEWEST_METHODS = 3

_CAPTION = (
    "Mean rank of each method (1 is best) over {n} pairs of benchmark and budget, by mean float test score over "
    "seeds; a run that misses a constraint counts as chance. {verdict} Bars are half the critical difference {cd:.2f} "
    "of Nemenyi's test at 5 % to each side (Demsar 2006): two methods whose bars do not overlap differ. Budgets of "
    "one benchmark are not independent of one another, so that the test is too sure of itself; ranks say nothing of "
    "how large a difference is."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """One page, where enough methods were run on enough problems; otherwise the reason is logged."""
    table = problem_scores(page.runs)
    if table.shape[0] >= FEWEST_PROBLEMS and table.shape[1] >= FEWEST_METHODS:
        yield replace(page, rows=())
    elif table.shape[1] >= FEWEST_METHODS:
        log.info(
            "preset %s, %s: no figure of ranks: %d pairs of benchmark and budget are too few, it takes %d",
            *(*page.setting[1:], table.shape[0], FEWEST_PROBLEMS),
        )


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """One panel: a line per method, its mean rank with half the critical difference to each side."""
    table = problem_scores(page.runs)
    methods: list[MethodVariant] = list(table.columns)  # type: ignore[arg-type]
    ranks = mean_ranks(table.to_numpy(dtype=float), methods)
    name_lines = max(wrap_label(str(method), NAME_WIDTH).count("\n") for method in ranks.methods)
    figure = new_figure(0.8 + (0.3 + 0.12 * name_lines) * len(ranks.methods), page.style)
    ax = add_panels(figure, [1], [1])[0][0]
    half = ranks.critical / 2
    for line, (method, mean) in enumerate(zip(ranks.methods, ranks.means, strict=True)):
        ax.plot([mean - half, mean + half], [line, line], color=INK_COLOUR, linewidth=1.2, solid_capstyle="butt")
        ax.plot([mean], [line], **marker_options(page.method_styles[method], 7))
    label_methods(ax, ranks.methods, names=True)
    ax.set_xlabel(f"mean rank over {ranks.n} pairs of benchmark and budget, 1 is best")
    ax.set_xticks(range(1, len(ranks.methods) + 1))  # there is no rank 0, though a bar may reach beyond
    sns.despine(ax=ax, left=True)
    verdict = f"Friedman's test of no difference at all: p = {ranks.p:.2g}"
    verdict += "." if ranks.p < ERROR else ", so that no difference is shown, whatever the bars say."
    caption = _CAPTION.format(n=ranks.n, verdict=verdict, cd=ranks.critical)
    return page.render(KIND, "Mean ranks", caption, figure)
