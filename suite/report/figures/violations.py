"""How far each constraint is missed, by the returned network and at the last search epoch."""

from collections.abc import Iterator

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.records.store import Store
from suite.report.figures.fit import cost_label
from suite.report.figures.pages import BudgetRow, FigurePage, RenderedFigure, pair_metrics, split_by_panels
from suite.report.figures.panels import (
    GREY_STYLE,
    add_budget_title,
    add_legend,
    label_methods,
    marker_options,
    new_stacked_figure,
)
from suite.report.figures.style import INK_COLOUR

KIND = "violations"

_CAPTION = (
    "How far each constraint is missed, in % of its target: the largest value over the seeds. Filled marks at 0 are "
    "returned networks within their budget, hollow ones over it. A cross is the network at the last search epoch, "
    "before any choice of checkpoint or repair; methods without such an epoch have none. The axis is linear up to 1 "
    "%, logarithmic beyond."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of the budgets that limit something."""
    return split_by_panels(page, page.limited_rows)


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """Lines of methods, a panel per constraint."""
    lines = [(row, pair) for row in page.rows for pair in pair_metrics(row.metrics)]
    figure, panels = new_stacked_figure(page, [(row, len(pair)) for row, pair in lines])
    columns = [c for c in page.runs.columns if c.startswith(("violation/", "search_violation/"))]
    largest = max(8.0, float(page.runs[columns].max().max()) * 100)
    for (row, pair), line in zip(lines, panels, strict=True):
        for i, (metric, ax) in enumerate(zip(pair, line, strict=True)):
            _draw_panel(ax, page, row, metric)
            _set_axis(ax, largest * 1.6)
            label_methods(ax, row.methods, names=i == 0)
            ax.set_xlabel(f"{cost_label(page.runs_at(row.budget), metric)}: over target, %")
        add_budget_title(line[0], row.budget)
    handles = [Line2D([], [], **marker_options(GREY_STYLE, 6.5, hollow)) for hollow in (False, True)]
    handles.append(Line2D([], [], marker="x", color=INK_COLOUR, linestyle="none", markersize=8.5))
    add_legend(figure, handles, ["returned network: within budget", "returned network: over", "last search epoch"])
    return page.render(KIND, "Violations", _CAPTION, figure)


def _set_axis(ax: Axes, highest: float) -> None:
    """An axis in % that shows 0 and 300 at once."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.6)
    ticks = [0, 1, 2, 5, 10, 20] if highest < 40 else [0, *(10**k for k in range(7))]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(-0.35, highest)


def _draw_panel(ax: Axes, page: FigurePage, row: BudgetRow, metric: str) -> None:
    columns = [f"violation/{metric}", f"search_violation/{metric}"]
    groups = page.runs_at(row.budget).groupby("method")
    largest = groups[columns].max().loc[list(row.methods)].to_numpy(dtype=float) * 100
    for line, (method, (final, search)) in enumerate(zip(row.methods, largest, strict=True)):
        if np.isfinite(search):
            ax.plot([final, search], [line, line], color="#999999", linewidth=1, zorder=2)
            ax.plot(search, line, marker="x", color=INK_COLOUR, markersize=8.5, zorder=3, clip_on=False)
        ax.plot(final, line, **marker_options(page.method_styles[method], 6.5, final > 0, zorder=4, clip_on=False))
    sns.despine(ax=ax, left=True)
    ax.grid(axis="y", visible=True)
