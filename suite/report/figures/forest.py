"""The lead figure: each method at each budget in one line, with its score, its fits, its use of limits, its cost."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.figures.fit import board_note, extrapolation_note, fits_budget_and_board
from suite.report.figures.pages import MOST_ENTRIES, BudgetRow, FigurePage, RenderedFigure, split_rows
from suite.report.figures.panels import (
    GREY_STYLE,
    TEXT_BACKGROUND,
    add_budget_title,
    add_legend,
    label_methods,
    marker_options,
    padded_limits,
    wrap_label,
)
from suite.report.figures.style import (
    INK_COLOUR,
    LIMIT_COLOUR,
    METRIC_LINE_STYLES,
    StyledFigure,
    new_figure,
    page_format,
)
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.text import float_score_label, format_significant, metric_label

KIND = "forest"

_NAME_WIDTH = 22
"""Characters of a method's name in one line."""

_WIDTHS = (2.3, 1.5, 1.2)
"""Relative widths of the panels of score, limits and cost."""

_SEED_OFFSET = 0.27
"""How far below a method's line its seeds are, in lines."""

_LOG_FROM = 200
"""Largest use of a limit in % from which on its axis is logarithmic."""

_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)

_MARKERS = dict(zip(METRIC_LINE_STYLES, ("s", "P", "D", "^", "o", "v", "X"), strict=True))
"""Marker of a metric's use of its limit."""

_REFERENCE_LINE: dict[str, Any] = {"color": INK_COLOUR, "linestyle": (0, (1, 1.5)), "linewidth": 1.3, "zorder": 1}

_CAPTION = (
    "Each method at each budget. Left: test score of float networks; dots are single seeds, large marks their "
    "mean with its 95 % interval (Student's t over seeds, cut where it leaves the panel); a hollow mark says that "
    "some run misses its budget or exceeds the board. Middle: runs that fit their budget, of those that finished, and "
    "the mean use of each limit. Right: mean cost of a run in standard trainings of the reference network (MACs x "
    "samples), and in parentheses in epochs. Equal MACs charge a network for using the latency that it was allowed, "
    "equal epochs do not."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of all budgets."""
    methods = max((len(row.methods) for row in page.rows), default=1)
    most = max(1, min(page_format(page.style).lines, MOST_ENTRIES // methods))
    return split_rows(page, page.rows, most, lambda _: 1)


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A line of three panels per budget."""
    figure, panels = _new_figure(page)
    metrics = [metric for metric in METRIC_LINE_STYLES if metric in by_metric(page.runs, "target")]
    for row, (score, limits, cost) in zip(page.rows, panels, strict=True):
        runs = page.runs_at(row.budget)
        by_method = [runs[runs["method"] == method] for method in row.methods]
        limited = [metric for metric in metrics if metric in by_metric(runs, "target")]
        _draw_scores(score, page, row, by_method)
        _draw_limits(limits, by_method, limited)
        _draw_costs(cost, by_method)
        add_budget_title(score, row.budget)
    _share_axes(page, panels)
    panels[-1][0].set_xlabel(float_score_label(page.runs["score_name"].iloc[0]))
    panels[-1][1].set_xlabel("runs that fit, limit used in %")
    panels[-1][2].set_xlabel("trainings (epochs)")
    add_legend(figure, *_legend_entries(page, metrics))
    caption = _CAPTION + board_note(page.runs) + extrapolation_note(page.runs)
    if np.isfinite(page.reference_score):
        caption += " The dotted line is the mean score of the reference network, trained by hand_tuned."
    return page.render(KIND, "Methods and budgets", caption, figure)


def _new_figure(page: FigurePage) -> tuple[StyledFigure, list[list[Axes]]]:
    """A figure as high as its methods and the lines of their names, and three axes per budget."""
    name = max(wrap_label(str(method), _NAME_WIDTH).count("\n") for method in page.methods)
    heights = [0.25 + (0.3 + 0.12 * name) * len(row.methods) for row in page.rows]
    figure = new_figure(1.0 + sum(heights) + 0.45 * len(heights), page.style)
    cells = figure.add_gridspec(len(heights), 3, height_ratios=heights, width_ratios=_WIDTHS)
    return figure, [[figure.add_subplot(cells[i, j]) for j in range(3)] for i in range(len(heights))]


def _draw_scores(ax: Axes, page: FigurePage, row: BudgetRow, by_method: Sequence[pd.DataFrame]) -> None:
    for line, (method, own) in enumerate(zip(row.methods, by_method, strict=True)):
        style, score, holds = page.method_styles[method], mean_interval(own["score"]), fits_budget_and_board(own).all()
        if np.isfinite(score.low):
            ax.errorbar(score.mean, line, xerr=score.mean - score.low, color=style.colour, elinewidth=1.4, capsize=3)
        ax.plot(own["score"], [line + _SEED_OFFSET] * len(own), ".", color=style.colour, markersize=4, zorder=3)
        ax.plot(score.mean, line, **marker_options(style, 7, not holds, zorder=4))
    if np.isfinite(page.reference_score):
        ax.axvline(page.reference_score, **_REFERENCE_LINE)
    label_methods(ax, row.methods, width=_NAME_WIDTH)
    sns.despine(ax=ax, left=True)


def _draw_limits(ax: Axes, by_method: Sequence[pd.DataFrame], limited: Sequence[str]) -> None:
    """The mean use of each limit in %, a line of marks per method, and how many runs fit beside it."""
    ax.axvline(100, color=LIMIT_COLOUR, linewidth=1.2, zorder=1)
    for line, own in enumerate(by_method):
        for metric, place in zip(limited, np.linspace(-0.18, 0.18, len(limited)), strict=True):
            used = 100 * (own[f"cost/{metric}"] / own[f"target/{metric}"]).mean()
            ax.plot(used, line + place, color=METRIC_LINE_STYLES[metric][0], marker=_MARKERS[metric], markersize=4.5)
    fits = [f"{int(own['feasible'].sum())}/{len(own)}" if limited else "no limit" for own in by_method]
    ax.set_yticks(range(len(fits)), fits)
    ax.tick_params(axis="y", length=0)
    sns.despine(ax=ax, left=True)


def _draw_costs(ax: Axes, by_method: Sequence[pd.DataFrame]) -> None:
    for line, own in enumerate(by_method):
        trainings, epochs = (float(own[name].mean()) for name in ("trainings", "epochs"))
        if np.isfinite(trainings):
            ax.barh(line, trainings, height=0.5, color="#BDBDBD", edgecolor=INK_COLOUR, linewidth=0.5)
            text = format_significant(trainings) + (f" ({format_significant(epochs)})" if np.isfinite(epochs) else "")
            ax.annotate(text, (trainings, line), (4, 0), textcoords="offset points", va="center", bbox=TEXT_BACKGROUND)
    ax.set_yticks(range(len(by_method)), [""] * len(by_method))
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color=INK_COLOUR, linewidth=0.8)
    ax.grid(axis="y", visible=False)
    sns.despine(ax=ax, left=True)


def _share_axes(page: FigurePage, panels: Sequence[Sequence[Axes]]) -> None:
    """The same limits for all panels of a column; intervals far wider than the scores lie apart are cut."""
    scores = page.runs["score"].to_numpy(dtype=float)
    low, high = padded_limits([*scores, page.reference_score], 0.35, 0.005)
    used = [float(np.nanmax(line.get_xdata())) for _, ax, _ in panels for line in ax.lines]
    least = [float(np.nanmin(line.get_xdata())) for _, ax, _ in panels for line in ax.lines]
    longest = float(page.runs.groupby(["budget", "method"])["trainings"].mean().max())
    for score, limits, cost in panels:
        score.set_xlim(low, high)
        _set_limit_axis(limits, min(least), max(used))
        cost.set_xlim(0, 1.9 * longest if longest > 0 else 1)
        for ax in (score, limits, cost):
            ax.set_ylim(*score.get_ylim())


def _set_limit_axis(ax: Axes, least: float, most: float) -> None:
    """From 0 to what is used, or logarithmic where a limit is missed by far."""
    if most < _LOG_FROM:
        ax.set_xlim(0, max(112, 1.08 * most))
        return
    ax.set_xscale("log")
    low, high = 0.75 * least, 1.35 * most
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)


def _legend_entries(page: FigurePage, metrics: Sequence[str]) -> tuple[list[Artist], list[str]]:
    """Handles and labels of the legend."""
    handles: list[Artist] = [
        Line2D([], [], color=GREY_STYLE.colour, marker=".", markersize=4, linestyle="none"),
        Line2D([], [], **(marker_options(GREY_STYLE, 7) | {"linestyle": "-", "color": GREY_STYLE.colour})),
        Line2D([], [], **marker_options(GREY_STYLE, 7, True)),
    ]
    labels = ["one seed", "mean, 95 % interval", "hollow: a run misses budget or board"]
    for metric in metrics:
        handles.append(Line2D([], [], color=METRIC_LINE_STYLES[metric][0], marker=_MARKERS[metric], linestyle="none"))
        labels.append(f"limit used: {metric_label(metric)}")
    if np.isfinite(page.reference_score):
        handles.append(Line2D([], [], **_REFERENCE_LINE))
        labels.append("reference network")
    return handles, labels
