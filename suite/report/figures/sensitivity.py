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

from suite.records.frame import flatten
from suite.records.store import Store
from suite.report.figures.panels import PLATE, grid, padded
from suite.report.found import record
from suite.report.order import base_method
from suite.report.sheets import Picture, Sheet, pages
from suite.report.statistics.intervals import mean_interval
from suite.report.style import new_figure

KIND = "sensitivity"

_FEWEST = 3
"""Values of an option that make a curve."""

_MOST_PANELS = 4
_LOG_RATIO = 20
"""From this ratio of the largest value to the smallest an axis is logarithmic."""

_CAPTION = (
    "Test score of variants of one method that differ in a single option, whose value is on the axis. Small marks are "
    "single seeds, large ones their mean with its 95 % bootstrap interval (for three seeds: their range); hollow: some "
    "run misses a constraint. Below the line is what a run costs on average, in standard trainings of the seed. A flat "
    "line within its intervals says that these seeds cannot tell the values apart."
)


_NOTE: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "va": "bottom",
    "fontsize": "x-small",
    "bbox": PLATE,
}


@dataclass(frozen=True)
class Curve:
    """The runs of one method at one budget, by the value of one option, `value` in `runs`."""

    budget: str
    method: str
    option: str
    runs: pd.DataFrame


def split(sheet: Sheet, store: Store) -> Iterator[Sheet]:
    """Pages of the budgets at which some option has a curve."""
    counts = {row.budget: len(curves(replace(sheet, rows=(row,)), store)) for row in sheet.rows}
    rows = [row for row in sheet.rows if counts[row.budget]]
    yield from pages(sheet, rows, _MOST_PANELS, lambda row: counts[row.budget])


def draw(sheet: Sheet, store: Store) -> Picture:
    """Two panels in a line, one per curve."""
    found = curves(sheet, store)
    lines = [found[i : i + 2] for i in range(0, len(found), 2)]
    figure = new_figure(0.5 + 2.5 * len(lines), sheet.style)
    panels = grid(figure, [len(line) for line in lines], [1] * len(lines))
    for line, axes in zip(lines, panels, strict=True):
        for curve, ax in zip(line, axes, strict=True):
            _panel(ax, curve, sheet)
        axes[0].set_ylabel("test score")
    return sheet.picture(KIND, "Sensitivity to options", _CAPTION, figure)


def curves(sheet: Sheet, store: Store) -> list[Curve]:
    """Every numeric option with enough values among runs that agree in all other options."""
    found = []
    for row in sheet.rows:
        runs = sheet.at(row.budget)
        bases = runs["method"].map(base_method)
        for base, own in runs.groupby(bases, sort=True):
            if own["method"].nunique() >= _FEWEST:
                found += [Curve(row.budget, str(base), option, part) for option, part in _by_option(own, store)]
    return found


def _by_option(runs: pd.DataFrame, store: Store) -> Iterator[tuple[str, pd.DataFrame]]:
    options = pd.DataFrame([_options(store, str(run)) for run in runs["id"]], index=runs.index).fillna("unset")
    options = options.loc[:, options.nunique() > 1]
    for option in options.columns:
        values = pd.to_numeric(options[option], errors="coerce")
        rest = options.drop(columns=[option]).to_numpy().tolist()
        others = pd.Series([json.dumps(row) for row in rest], index=options.index)
        for index in others.groupby(others).groups.values():
            numbers = values[index].dropna()
            if numbers.nunique() >= _FEWEST:
                yield str(option), runs.loc[numbers.index].assign(value=numbers)


def _options(store: Store, run_id: str) -> dict[str, Any]:
    """The options of a run's method by dotted key."""
    found = record(store, run_id)
    return flatten(found.config.get("method", {})) if found is not None else {}


def _panel(ax: Axes, curve: Curve, sheet: Sheet) -> None:
    look = sheet.looks[min(curve.runs["method"])]
    groups = [(float(str(value)), part) for value, part in curve.runs.groupby("value")]
    values = [value for value, _ in groups]
    means = [mean_interval(part["score"]) for _, part in groups]
    ax.plot(values, [m.mean for m in means], color=look.colour, linewidth=1.2, zorder=2)
    for (value, part), mean in zip(groups, means, strict=True):
        face = look.colour if part["feasible"].all() else "white"
        bars = [[mean.mean - mean.low], [mean.high - mean.mean]] if np.isfinite(mean.low) else None
        ax.errorbar(
            value, mean.mean, bars, marker="o", markersize=7, color=look.colour, mfc=face, capsize=2.5, zorder=3
        )
        ax.plot([value] * len(part), part["score"], ".", color=look.colour, markersize=4, zorder=4)
        note: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "center",
            "va": "bottom",
            "fontsize": "x-small",
            "bbox": PLATE,
        }
        ax.annotate(
            f"cost {part['trainings'].mean():.2f}", (value, 0), (0, 3), xycoords=("data", "axes fraction"), **note
        )
    low, high = padded(curve.runs["score"].tolist(), 0.12, 0.005)
    ax.set_ylim(low - 0.15 * (high - low), high)
    if min(values) > 0 and max(values) / min(values) >= _LOG_RATIO:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlim(min(values) / 2, max(values) * 2)
    else:
        ax.set_xlim(*padded(values, 0.12, 0.05))
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.set_xlabel(f"{curve.method}: {curve.option}")
    ax.set_title(curve.budget, loc="left")
    sns.despine(ax=ax)
