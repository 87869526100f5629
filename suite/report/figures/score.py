"""Test score against each budgeted cost, with the budget, the reference network, the quality target and
published points.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.figures.pages import MOST_LINES, BudgetRow, FigurePage, RenderedFigure, in_lines, split_rows
from suite.report.figures.panels import (
    GREY_STYLE,
    REFERENCE_LINE,
    add_budget_title,
    add_panels,
    fits_budget_and_board,
    legend_mark,
    marker_options,
    padded_limits,
)
from suite.report.figures.style import INK_COLOUR, LIMIT_COLOUR, OVER_BUDGET_COLOUR, MethodStyle, new_figure
from suite.report.tables.extrapolation import cost_label
from suite.report.tables.published_comparison import load_published_numbers, published_comparison
from suite.report.tables.text import float_score_label, format_quantity

KIND = "score"

MOST_METHODS = 6
"""Methods of one panel: marks of more could not be told apart."""

_MEAN_ALPHA = 0.45
"""Opacity of a mean's mark, under which the seeds on top of it stay visible."""

_QUALITY_TARGET_LINE: dict[str, Any] = {"color": "#882255", "linestyle": (0, (5, 3)), "linewidth": 1.3, "zorder": 1}
"""The line of a quality target: dashed and coloured, where a budget's limit is solid and grey."""

_CROSSES = (
    "Crosses are published networks that cost no more than the reference network, a parameter counted as a "
    "byte; their data and training differ from ours as the table of published numbers says."
)

_PUBLISHED_MARK: dict[str, Any] = {
    "marker": "+",
    "markersize": 7,
    "markeredgecolor": INK_COLOUR,
    "markeredgewidth": 1.2,
    "linestyle": "none",
}


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of all budgets that any cost is known of, each with its first `MOST_METHODS` methods."""
    rows = [row._replace(methods=row.methods[:MOST_METHODS]) for row in page.rows if row.metrics]
    return split_rows(page, rows, MOST_LINES, lambda row: len(in_lines(row.metrics, page.format.panels)))


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """Lines of panels for each budget, one for each metric."""
    lines = [(row, metrics) for row in page.rows for metrics in in_lines(row.metrics, page.format.panels)]
    figure = new_figure(0.9 + 0.18 * len(page.methods) + 2.35 * len(lines), page.format)
    panels = add_panels(figure, [len(metrics) for _, metrics in lines])
    published = _published_points(page, store)
    crosses = any(len(published.get(metric, ())) for row in page.rows for metric in row.metrics)
    for (row, metrics), line in zip(lines, panels, strict=True):
        for metric, ax in zip(metrics, line, strict=True):
            _draw_panel(ax, page, row, metric, published.get(metric, np.empty((0, 2))))
        line[0].set_ylabel(float_score_label(page.runs["score_name"].iloc[0]))
        add_budget_title(line[0], row.budget, page.format)
    target = "The dashed line is MLPerf Tiny's quality target." if np.isfinite(page.quality_target) else ""
    notes = (target, page.reference_note(), _CROSSES if crosses else "")
    return page.render(KIND, figure, _legend_entries(page, crosses), *notes)


def _legend_entries(page: FigurePage, published: bool) -> dict[str, Artist]:
    """The legend: label -> artist."""
    entries: dict[str, Artist] = {str(m): legend_mark(page.method_styles[m], 7) for m in page.methods}
    entries["small: one seed"] = legend_mark(GREY_STYLE, 3.5)
    entries["large: mean"] = legend_mark(GREY_STYLE, 8, markerfacecolor=(GREY_STYLE.colour, _MEAN_ALPHA))
    entries["hollow: misses a constraint or the board"] = legend_mark(GREY_STYLE, 8, hollow=True)
    if by_metric(page.runs, "target"):
        entries["over this budget"] = Patch(facecolor=OVER_BUDGET_COLOUR, edgecolor=LIMIT_COLOUR, hatch="////")
    if np.isfinite(page.quality_target):
        entries[f"MLPerf Tiny's target, {page.quality_target:g}"] = Line2D([], [], **_QUALITY_TARGET_LINE)
    if np.isfinite(page.reference_score):
        entries["reference network"] = Line2D([], [], **REFERENCE_LINE)
    if published:
        entries["published networks"] = Line2D([], [], **_PUBLISHED_MARK)
    return entries


def _published_points(page: FigurePage, store: Store) -> dict[str, np.ndarray]:
    """Metric -> points (N, 2) of cost in % of the reference network's, up to 100, and score of published networks."""
    table = published_comparison(page.runs, load_published_numbers(store.root))
    theirs = table[(table["whose"] == "published") & (table["score_name"] == page.runs["score_name"].iloc[0])]
    points = {}
    for metric in ("weights", "macs"):
        if f"reference/{metric}" in page.runs:
            percent = theirs[metric].astype(float) / page.runs[f"reference/{metric}"].median() * 100
            pairs = np.column_stack([percent, theirs["score"].astype(float)])
            points[metric] = pairs[np.isfinite(pairs).all(axis=1) & (pairs[:, 0] <= 100)]
    return points


def _draw_panel(ax: Axes, page: FigurePage, row: BudgetRow, metric: str, published: np.ndarray) -> None:
    runs = page.runs_at(row.budget)
    runs = runs[runs["method"].isin(row.methods)]
    _set_cost_axis(ax, runs, metric, published[:, 0])
    for method in row.methods:
        _draw_method(ax, runs[runs["method"] == method], metric, page.method_styles[method])
    ax.plot(published[:, 0], published[:, 1], zorder=2, **_PUBLISHED_MARK)
    for value, line in ((page.quality_target, _QUALITY_TARGET_LINE), (page.reference_score, REFERENCE_LINE)):
        if np.isfinite(value):
            ax.axhline(value, **line)
    ax.set_ylim(*padded_limits([*runs["score"], *ax.dataLim.intervaly], 0.12, 0.005))
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _draw_method(ax: Axes, own: pd.DataFrame, metric: str, style: MethodStyle) -> None:
    """One method's seeds, and their mean."""
    holds = fits_budget_and_board(own)
    mean = marker_options(style, 8, not holds.all(), zorder=3)
    if holds.all():
        mean["markerfacecolor"] = (style.colour, _MEAN_ALPHA)
    ax.plot([own[f"relative/{metric}"].mean() * 100], [own["score"].mean()], **mean)
    for fits in (False, True):
        some, mark = own[holds == fits], marker_options(style, 3.5, not fits, mew=0.8, zorder=4)
        ax.plot(some[f"relative/{metric}"] * 100, some["score"], **mark)


def _set_cost_axis(ax: Axes, runs: pd.DataFrame, metric: str, published: np.ndarray) -> None:
    """Limit the cost axis to the data and the budget, and hatch what lies over the budget."""
    costs = [*runs[f"relative/{metric}"] * 100, *published]
    reference, unit = runs[f"reference/{metric}"].median(), str(runs[f"unit/{metric}"].iloc[0])
    label = f"{cost_label(runs, metric)}, % of the reference's {format_quantity(reference, unit)}"
    if metric in by_metric(runs, "target"):
        target = runs[f"target/{metric}"].median()
        limit = target / reference * 100
        low, high = padded_limits([*costs, limit], 0.08, 0.06 * limit)
        ax.set_xlim(max(0.0, low), high)
        ax.axvspan(limit, high, facecolor=OVER_BUDGET_COLOUR, edgecolor="#C4C4C4", hatch="////", linewidth=0, zorder=0)
        ax.axvline(limit, color=LIMIT_COLOUR, linewidth=1.0, zorder=2)
        label += f"\nbudget {format_quantity(target, unit)}"
    ax.set_xlabel(label)
