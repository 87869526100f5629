"""What a method's searches cost against the hypervolume of the networks that they returned."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.records.store import Store
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import GREY_STYLE, add_legend, add_panels, marker_options, padded_limits
from suite.report.figures.style import LIMIT_COLOUR, MethodStyle, new_figure
from suite.report.grouping import MethodVariant
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.hypervolume import hypervolume_table

KIND = "hypervolume"

_MOST_PANELS = 4
"""Sets of budgeted metrics in one figure, those with most runs first."""

_BEST_LINE: dict[str, Any] = {
    "color": LIMIT_COLOUR,
    "linestyle": (0, (4, 2)),
    "linewidth": 1.2,
    "drawstyle": "steps-post",
    "zorder": 1,
}

_CAPTION = (
    "Hypervolume of float test score and relative costs over all budgets that limit the same metrics, against what the "
    "searches for all of them cost together. The reference point is the benchmark's: chance and the reference "
    "network's costs. Runs that miss a constraint count as nothing, and so do networks that cost as much as the "
    "reference. Small marks are seeds, large ones their means with the 95 % interval of the hypervolume. The dashed "
    "line is the largest mean that any method here has at this cost or less: a mark below it was bettered at equal "
    "cost. Only fronts of at least three budgets are drawn. "
    "Volumes of different panels cannot be compared, nor can those of methods that were run at different budgets."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """One page, of all budgets, where records state a chance score and a cost, and there are methods to compare."""
    if len(_comparable_hypervolumes(page.runs)):
        yield replace(page, omission_note="", rows=())


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A panel per set of budgeted metrics."""
    table = _comparable_hypervolumes(page.runs)
    sizes = table.groupby("metrics")["runs"].sum().sort_values(ascending=False, kind="stable")
    shown = sorted(str(metrics) for metrics in sizes.index[:_MOST_PANELS])
    table = table[table["metrics"].isin(shown)]
    means = table.groupby("method")["hypervolume"].mean().sort_values(ascending=False, kind="stable")
    methods = list(means.index)
    lines = [shown[i : i + 2] for i in range(0, len(shown), 2)]
    figure = new_figure(0.9 + 0.1 * len(methods) + 2.5 * len(lines), page.style)
    for line, names in zip(add_panels(figure, [len(x) for x in lines], [1] * len(lines)), lines, strict=True):
        for ax, metrics in zip(line, names, strict=True):
            _draw_panel(ax, table[table["metrics"] == metrics], page.method_styles)
            ax.set_title(f"budgets of {metrics}", loc="left", fontweight="bold")
            ax.set_xlabel("standard trainings, all budgets together")
        line[0].set_ylabel("hypervolume")
    handles: list[Artist] = [Line2D([], [], **marker_options(page.method_styles[m], 7)) for m in methods]
    handles += [Line2D([], [], **marker_options(GREY_STYLE, 3.5)), Line2D([], [], **_BEST_LINE)]
    add_legend(figure, handles, [*map(str, methods), "small: one seed", "best mean at this cost or less"])
    left_out = f" Of {len(sizes)} sets of budgeted metrics, {len(shown)} are drawn." if len(shown) < len(sizes) else ""
    return page.render(KIND, "Search cost against hypervolume", _CAPTION + left_out, figure)


def _comparable_hypervolumes(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of `hypervolume_table` with a known cost, of methods with any, where there are several."""
    table = hypervolume_table(runs)
    table = table[table["trainings"].astype(float).notna()]
    table = table[table.groupby(["metrics", "method"])["hypervolume"].transform("max").astype(float) > 0]
    return table[table.groupby("metrics")["method"].transform("nunique").astype(int) > 1]


def _draw_panel(ax: Axes, table: pd.DataFrame, method_styles: dict[MethodVariant, MethodStyle]) -> None:
    means = []
    for _, own in table.groupby("method"):
        style, cost, volume = (
            method_styles[own["method"].iloc[0]],
            own["trainings"].mean(),
            mean_interval(own["hypervolume"]),
        )
        bars = [[volume.mean - volume.low], [volume.high - volume.mean]] if np.isfinite(volume.low) else None
        options = marker_options(style, 8, ecolor=style.colour, elinewidth=1.3, capsize=2.5, zorder=3)
        ax.errorbar([cost], [volume.mean], yerr=bars, **(options | {"markerfacecolor": (style.colour, 0.45)}))
        ax.plot(own["trainings"], own["hypervolume"], **marker_options(style, 3.5, zorder=4))
        means.append((cost, volume.mean))
    costs, volumes = np.array(sorted(means)).T
    low, high = padded_limits([*table["trainings"]], 0.08, 0.05 * float(table["trainings"].max()))
    ax.plot([*costs, high], [*(best := np.maximum.accumulate(volumes)), best[-1]], **_BEST_LINE)
    ax.set_xlim(max(0.0, low), high)
    ax.set_ylim(*padded_limits([*table["hypervolume"]], 0.12, 0.005))
    sns.despine(ax=ax)
