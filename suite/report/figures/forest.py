"""The lead figure: each method at each budget in one line, with its score, its fits, its use of limits, its cost."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from suite.records.frame import by_metric
from suite.records.record import PHASES
from suite.records.store import Store
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import BudgetRow, FigurePage, RenderedFigure, in_lines, split_rows
from suite.report.figures.panels import (
    GREY_STYLE,
    NAME_WIDTH,
    REFERENCE_LINE,
    TEXT_BACKGROUND,
    add_budget_title,
    legend_mark,
    marker_options,
    padded_limits,
    wrap_label,
)
from suite.report.figures.style import (
    INK_COLOUR,
    LIMIT_COLOUR,
    METRIC_LINE_STYLES,
    PHASE_COLOURS,
    MethodStyle,
    StyledFigure,
    new_figure,
)
from suite.report.grouping import MethodVariant, projection_of
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.text import PHASE_LABELS, float_score_label, format_significant, metric_label

KIND = "forest"

_WIDTHS = (2.3, 1.5, 1.2)
"""Relative widths of the panels of score, limits and cost."""

_FRAME, _AROUND_BUDGET, _LEGEND_LINE = 0.8, 0.7, 0.17
"""Inches of a figure for headings and axis, of a budget for its title and axis, and of a line of the legend."""

_TITLE_LINE = 1.65
"""Height of a line of a title in sizes of type."""

_HEADINGS_FROM = 6.8
"""Width in inches, at the usual size of type, from which on there is room for the long headings and for epochs."""

_SEED_OFFSET = 0.27
"""How far below a method's line its seeds are, in lines."""

_LOG_FROM = 200
"""Largest use of a limit in % from which on its axis is logarithmic."""

_TICKS = {
    False: (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000),
    True: (1, 5, 20, 100, 500, 2_000, 10_000),
}
"""Whether there is little room -> ticks of a logarithmic axis in %."""

_LIMIT_MARKERS: dict[str, dict[str, Any]] = {
    metric: {"marker": marker, "markersize": 6, "markeredgewidth": 1.3, "color": colour, "linestyle": "none"}
    for metric, marker, colour in zip(
        METRIC_LINE_STYLES,
        ("x", "1", "2", "+", "3", (5, 2, 0), "4"),
        (INK_COLOUR, "#8C8C8C", "#8C8C8C", "#8C8C8C", INK_COLOUR, "#5F5F5F", "#5F5F5F"),
        strict=True,
    )
}
"""Mark of a metric's use of its limit: strokes in ink and greys, where methods have filled shapes in colours."""

_HEADINGS = {
    False: (("fits | share\nof each limit, %", -0.12), ("standard trainings\n(epochs)", 0.0)),
    True: (("fits | share\nof limits, %", -0.3), ("standard\ntrainings", 0.0)),
}
"""Whether there is little room -> what stands above the middle and the right panel of the first budget, and where it
begins in widths of the panel.
"""

_BAR_EDGE: dict[str, Any] = {"edgecolor": INK_COLOUR, "linewidth": 0.5}


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of all budgets; of a budget with more methods than a page has room for, as many lines as fit."""
    line, room = _line_height(page), page.format.height - _frame(page)
    most = max(1, int((room - _AROUND_BUDGET) / line))
    parts = [row._replace(methods=part) for row in page.rows for part in _divide(row.methods, most)]
    return split_rows(page, parts, room, lambda row: _AROUND_BUDGET + line * len(row.methods))


def _divide(methods: Sequence[MethodVariant], most: int) -> list[tuple[MethodVariant, ...]]:
    """The methods in parts of about equal size, `most` at most."""
    return [tuple(part) for part in in_lines(methods, math.ceil(len(methods) / math.ceil(len(methods) / most)))]


def _marks(page: FigurePage) -> dict[MethodVariant, tuple[MethodStyle, bool]]:
    """Method -> its style, which variants that differ in their projection alone share, and whether it is hollow."""
    styles: dict[MethodVariant, MethodStyle] = {}
    marks = {}
    for method in sorted(set(page.runs["method"])):
        style = styles.setdefault(method.without_projection, page.method_styles[method])
        options = page.runs.loc[page.runs["method"] == method, "options"].iloc[0]
        marks[method] = (style, projection_of(options) == "none")
    return marks


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A line of three panels per budget."""
    figure, panels = _new_figure(page)
    for row, (score, limits, cost) in zip(page.rows, panels, strict=True):
        runs = page.runs_at(row.budget)
        by_method = [runs[runs["method"] == method] for method in row.methods]
        limited = by_metric(runs, "target")
        _draw_scores(score, page, row, by_method)
        _draw_limits(limits, by_method, limited)
        _draw_costs(cost, by_method, epochs=not _is_short(page.format))
        add_budget_title(score, row.budget, page.format)
    _share_axes(page, panels)
    panels[-1][0].set_xlabel(float_score_label(page.runs["score_name"].iloc[0]))
    lines = panels[0][0].get_title(loc="left").count("\n") + 1
    for ax, (heading, x) in zip(panels[0][1:], _HEADINGS[_is_short(page.format)], strict=True):
        # Above the line of the budget, which may be longer than its panel.
        ax.set_title(heading, fontweight="normal", x=x, pad=6 + _TITLE_LINE * lines * page.format.font_size)
    return page.render(KIND, figure, _legend_entries(page), page.reference_note())


def _new_figure(page: FigurePage) -> tuple[StyledFigure, list[list[Axes]]]:
    """A figure as high as its methods and the lines of their names, and three axes per budget."""
    line = _line_height(page)
    heights = [0.25 + line * len(row.methods) for row in page.rows]
    figure = new_figure(_frame(page) + sum(_AROUND_BUDGET + line * len(row.methods) for row in page.rows), page.format)
    figure.set_layout_engine("constrained", w_pad=0.02 if page.format.narrow else 0.04)
    axes = figure.subplots(len(heights), 3, squeeze=False, height_ratios=heights, width_ratios=_WIDTHS)
    return figure, axes.tolist()


def _is_short(form: FigureFormat) -> bool:
    return form.width / form.scale < _HEADINGS_FROM


def _frame(page: FigurePage) -> float:
    """Inches of all but the budgets, at the usual size of type."""
    return _FRAME + _LEGEND_LINE * math.ceil(len(_legend_entries(page)) / (2 if page.format.narrow else 3))


def _line_height(page: FigurePage) -> float:
    """Inches of one method's line, with room for its name, at the usual size of type."""
    return 0.3 + 0.12 * max(wrap_label(str(method), NAME_WIDTH).count("\n") for method in page.methods)


def _draw_scores(ax: Axes, page: FigurePage, row: BudgetRow, by_method: Sequence[pd.DataFrame]) -> None:
    marks = _marks(page)
    for line, (method, own) in enumerate(zip(row.methods, by_method, strict=True)):
        (style, hollow), score = marks[method], mean_interval(own["score"])
        if np.isfinite(score.low):
            ax.errorbar(score.mean, line, xerr=score.mean - score.low, color=style.colour, elinewidth=1.4, capsize=3)
        ax.plot(own["score"], [line + _SEED_OFFSET] * len(own), ".", color=style.colour, markersize=4, zorder=3)
        ax.plot(score.mean, line, **marker_options(style, 7 * page.format.scale, hollow, zorder=4))
    if np.isfinite(page.reference_score):
        ax.axvline(page.reference_score, **REFERENCE_LINE)
    ax.set_yticks(range(len(row.methods)), [wrap_label(str(method), NAME_WIDTH) for method in row.methods])


def _draw_limits(ax: Axes, by_method: Sequence[pd.DataFrame], limited: Sequence[str]) -> None:
    """The mean use of each limit in %, a line of marks per method, and how many runs fit beside it."""
    ax.axvline(100, color=LIMIT_COLOUR, linewidth=1.2, zorder=1)
    for line, own in enumerate(by_method):
        for metric, place in zip(limited, np.linspace(-0.18, 0.18, len(limited)), strict=True):
            used = 100 * (own[f"cost/{metric}"] / own[f"target/{metric}"]).mean()
            ax.plot(used, line + place, **_LIMIT_MARKERS[metric])
    ax.set_yticks(range(len(by_method)), [_describe_fits(own, bool(limited)) for own in by_method])


def _describe_fits(own: pd.DataFrame, limited: bool) -> str:
    """The runs that fit their budget, "2/3"; below it those that fit the board, where some exceed it."""
    budget = f"{int(own['feasible'].sum())}/{len(own)}" if limited else "no limit"
    exceed = sum(fits is False for fits in own["board_fits"])
    return budget + (f"\nboard {len(own) - exceed}/{len(own)}" if exceed else "")


def _draw_costs(ax: Axes, by_method: Sequence[pd.DataFrame], *, epochs: bool) -> None:
    """The mean cost of a run in standard trainings, a bar by phase, as number and in `epochs` beside it."""
    for line, own in enumerate(by_method):
        total, start = float(own["trainings"].mean()), 0.0
        for phase in PHASES:
            if (width := float(own[f"trainings/{phase}"].mean())) > 0:
                ax.barh(line, width, left=start, height=0.5, color=PHASE_COLOURS[phase], **_BAR_EDGE)
                start += width
        if np.isfinite(total):
            passes = float(own["epochs"].mean()) if epochs else math.nan
            text = format_significant(total) + (f" ({format_significant(passes)})" if np.isfinite(passes) else "")
            ax.annotate(text, (total, line), (4, 0), textcoords="offset points", va="center", bbox=TEXT_BACKGROUND)
    ax.set_yticks([])
    ax.axvline(0, color=INK_COLOUR, linewidth=0.8)


def _share_axes(page: FigurePage, panels: Sequence[Sequence[Axes]]) -> None:
    """The same limits for all panels of a column; intervals far wider than the scores lie apart are cut."""
    low, high = padded_limits([*page.runs["score"], page.reference_score], 0.35, 0.005)
    least = min(ax.dataLim.xmin for _, ax, _ in panels)
    most = max(ax.dataLim.xmax for _, ax, _ in panels)
    longest = float(page.runs.groupby(["budget", "method"])["trainings"].mean().max())
    for score, limits, cost in panels:
        score.set_xlim(low, high)
        _set_limit_axis(limits, least, most, _TICKS[_is_short(page.format)])
        cost.set_xlim(0, 1.9 * longest if longest > 0 else 1)
        for ax in (score, limits, cost):
            ax.set_ylim(len(score.get_yticks()) - 0.4, -0.6)
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)


def _set_limit_axis(ax: Axes, least: float, most: float, numbers: Sequence[int]) -> None:
    """From 0 to what is used, or logarithmic where a limit is missed by far."""
    if most < _LOG_FROM:
        ax.set_xlim(0, max(112, 1.08 * most))
        return
    ax.set_xscale("log")
    low, high = 0.75 * least, 1.35 * most
    ticks = [tick for tick in numbers if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)


def _legend_entries(page: FigurePage) -> dict[str, Artist]:
    """The legend: label -> artist."""
    limited = by_metric(page.runs, "target")
    entries: dict[str, Artist] = {
        "one seed": Line2D([], [], color=GREY_STYLE.colour, marker=".", markersize=4, linestyle="none"),
        "mean, 95 % interval": legend_mark(GREY_STYLE, 7, linestyle="-", color=GREY_STYLE.colour),
        "hollow: projection=none": legend_mark(GREY_STYLE, 7, hollow=True),
    }
    entries |= {f"limit used: {metric_label(metric)}": Line2D([], [], **_LIMIT_MARKERS[metric]) for metric in limited}
    if np.isfinite(page.reference_score):
        entries["reference network"] = Line2D([], [], **REFERENCE_LINE)
    phases = [phase for phase in PHASES if (page.runs[f"trainings/{phase}"] > 0).any()]
    return entries | {PHASE_LABELS[phase]: Patch(facecolor=PHASE_COLOURS[phase], **_BAR_EDGE) for phase in phases}
