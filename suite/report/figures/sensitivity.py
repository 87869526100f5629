"""What one option of a method does to its score: variants of it that differ in nothing else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from suite.records.store import Store
from suite.records.variants import flatten
from suite.report.figures.pages import FigurePage, RenderedFigure, in_lines, split_rows
from suite.report.figures.panels import TEXT_BACKGROUND, add_panels, padded_limits
from suite.report.figures.style import new_figure
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.text import float_score_label

KIND = "sensitivity"

_FEWEST_VALUES = 3
"""Values of an option that make a curve."""

_MOST_PANELS = 4
_LOG_RATIO = 20
"""From this ratio of the largest value to the smallest an axis is logarithmic."""

_CAPTION = (
    "Test score of variants of one method that differ in a single option, whose value is on the axis. Small marks are "
    "single seeds, large ones their mean with its 95 % interval (Student's t), cut where it leaves the panel; hollow: "
    "some run misses a constraint. Below the line is what a run costs on average, in standard trainings of the "
    "reference network. A flat line within its intervals says that these seeds cannot tell the values apart."
)

_COST_TEXT: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "va": "bottom",
    "fontsize": "x-small",
    "bbox": TEXT_BACKGROUND,
}


@dataclass(frozen=True)
class OptionCurve:
    """The runs of variants of one method at one budget, by the value of one option, `value` in `runs`."""

    budget: str
    method: str
    option: str
    runs: pd.DataFrame


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of the budgets at which some option has a curve."""
    counts = {row.budget: len(find_curves(replace(page, rows=(row,)))) for row in page.rows}
    rows = [row for row in page.rows if counts[row.budget]]
    yield from split_rows(page, rows, _MOST_PANELS, lambda row: counts[row.budget])


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A panel per curve."""
    curves = find_curves(page)
    lines = in_lines(curves, page.format.panels)
    figure = new_figure(0.5 + 2.5 * len(lines), page.format)
    panels = add_panels(figure, [len(line) for line in lines], [1] * len(lines))
    for line, axes in zip(lines, panels, strict=True):
        for curve, ax in zip(line, axes, strict=True):
            _draw_panel(ax, curve, page)
        axes[0].set_ylabel(float_score_label())
    return page.render(KIND, "Sensitivity to options", _CAPTION, figure)


def find_curves(page: FigurePage) -> list[OptionCurve]:
    """Every numeric option with enough values among runs that agree in all other options."""
    curves = []
    for row in page.rows:
        runs = page.runs_at(row.budget)
        for name, own in runs.groupby(runs["method"].map(lambda method: method.method)):
            if own["method"].nunique() >= _FEWEST_VALUES:
                curves += [OptionCurve(row.budget, str(name), option, part) for option, part in _curves_by_option(own)]
    return curves


def _curves_by_option(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    options = pd.DataFrame([flatten(json.loads(text)) for text in runs["options"]], index=runs.index).fillna("unset")
    options = options.loc[:, options.nunique() > 1]
    for option in options.columns:
        values = pd.to_numeric(options[option], errors="coerce")
        rest = options.drop(columns=[option]).to_numpy().tolist()
        others = pd.Series([json.dumps(row) for row in rest], index=options.index)
        for index in others.groupby(others).groups.values():
            numbers = values[index].dropna()
            if numbers.nunique() >= _FEWEST_VALUES:
                yield str(option), runs.loc[numbers.index].assign(value=numbers)


def _draw_panel(ax: Axes, curve: OptionCurve, page: FigurePage) -> None:
    style = page.method_styles[min(curve.runs["method"])]
    groups = [(float(str(value)), part) for value, part in curve.runs.groupby("value")]
    values = [value for value, _ in groups]
    means = [mean_interval(part["score"]) for _, part in groups]
    ax.plot(values, [m.mean for m in means], color=style.colour, linewidth=1.2, zorder=2)
    for (value, part), mean in zip(groups, means, strict=True):
        face = style.colour if part["feasible"].all() else "white"
        bars = [[mean.mean - mean.low], [mean.high - mean.mean]] if np.isfinite(mean.low) else None
        ax.errorbar(
            value, mean.mean, bars, marker="o", markersize=7, color=style.colour, mfc=face, capsize=2.5, zorder=3
        )
        ax.plot([value] * len(part), part["score"], ".", color=style.colour, markersize=4, zorder=4)
        cost = f"cost {part['trainings'].mean():.2f}"
        ax.annotate(cost, (value, 0), (0, 3), xycoords=("data", "axes fraction"), **_COST_TEXT)
    low, high = padded_limits(curve.runs["score"].tolist(), 0.12, 0.005)
    ax.set_ylim(low - 0.15 * (high - low), high)
    if min(values) > 0 and max(values) / min(values) >= _LOG_RATIO:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlim(min(values) / 2, max(values) * 2)
    else:
        ax.set_xlim(*padded_limits(values, 0.12, 0.05))
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.set_xlabel(f"{curve.method}: {curve.option}")
    ax.set_title(curve.budget, loc="left")
    sns.despine(ax=ax)
