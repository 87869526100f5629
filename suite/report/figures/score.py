"""Test score against each budgeted cost, with the budget, the seed network, the quality target and published points."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.figures.panels import GREY, grid, legend, marker, padded, title
from suite.report.published import FOLDER, beside_table, load_published
from suite.report.sheets import Picture, Row, Sheet, by_panels, pairs
from suite.report.statistics.intervals import mean_interval
from suite.report.style import INK, LIMIT, OVER, Look, new_figure
from suite.report.text import quantity, words

KIND = "score"

MEAN_ALPHA = 0.45
"""Opacity of a mean's mark, under which the seeds on top of it stay visible."""

_TARGET: dict[str, Any] = {"color": "#882255", "linestyle": (0, (5, 3)), "linewidth": 1.3}
"""The line of a quality target: dashed and coloured, where a budget's limit is solid and grey."""

_SEED: dict[str, Any] = {"color": INK, "linestyle": (0, (1, 1.5)), "linewidth": 1.3}

_PUBLISHED: dict[str, Any] = {
    "marker": "+",
    "markersize": 7,
    "markeredgecolor": INK,
    "markeredgewidth": 1.2,
    "linestyle": "none",
}

_CAPTION = (
    "Test score against each budgeted cost, in % of the seed network's. Small marks are single seeds, large ones "
    "their mean with its 95 % bootstrap interval (for three seeds: their range). The hatched side is over the budget; "
    "a hollow mark misses at least one of the run's constraints, which may be that of another panel."
)


def split(sheet: Sheet, _: Store) -> Iterator[Sheet]:
    """Pages of all budgets that any cost is known of."""
    return by_panels(sheet, [row for row in sheet.rows if row.metrics])


def draw(sheet: Sheet, store: Store) -> Picture:
    """A line of panels per budget and pair of metrics."""
    lines = [(row, pair) for row in sheet.rows for pair in pairs(row.metrics)]
    panel = 2.35 + 0.12 * max(0, len(sheet.methods) - 6)  # many methods at one budget lie close together
    figure = new_figure(0.9 + 0.18 * len(sheet.methods) + panel * len(lines), sheet.style)
    panels = grid(figure, [len(pair) for _, pair in lines], [1] * len(lines))
    published = _published(sheet, store)
    drawn = 0
    for (row, pair), line in zip(lines, panels, strict=True):
        for metric, ax in zip(pair, line, strict=True):
            points = published.get(metric, np.empty((0, 2)))
            _panel(ax, sheet, row, metric, points)
            drawn += len(points)
        line[0].set_ylabel(f"test {words(sheet.runs['score_name'].iloc[0]) or 'score'}")
        title(line[0], row.budget)
    caption = _CAPTION
    if np.isfinite(sheet.quality_target):
        caption += " The dashed line is MLPerf Tiny's quality target."
    if np.isfinite(sheet.seed_score):
        caption += " The dotted line is the mean score of those runs that trained the seed network whole."
    if drawn:
        caption += (
            " Crosses are published networks that cost no more than the seed, a parameter counted as a byte; their "
            "data and training differ from ours as the table of published numbers says."
        )
    legend(figure, *_key(sheet, drawn))
    return sheet.picture(KIND, "Score against cost", caption, figure)


def _key(sheet: Sheet, published: int) -> tuple[list[Artist], list[str]]:
    """Handles and labels of the legend."""
    handles: list[Artist] = [Line2D([], [], **marker(sheet.looks[m], 7)) for m in sheet.methods]
    labels = list(sheet.methods)
    keys = [marker(GREY, 3.5), marker(GREY, 8, markerfacecolor=(GREY.colour, MEAN_ALPHA)), marker(GREY, 8, True)]
    handles += [Line2D([], [], **key) for key in keys]
    labels += ["small: one seed", "large: mean, 95 % interval", "hollow: misses some constraint"]
    if sheet.limited:
        handles.append(Patch(facecolor=OVER, edgecolor=LIMIT, hatch="////"))
        labels.append("over this budget")
    if np.isfinite(sheet.quality_target):
        handles.append(Line2D([], [], **_TARGET))
        labels.append(f"MLPerf Tiny's target, {sheet.quality_target:g}")
    if np.isfinite(sheet.seed_score):
        handles.append(Line2D([], [], **_SEED))
        labels.append("seed network")
    if published:
        handles.append(Line2D([], [], **_PUBLISHED))
        labels.append("published networks")
    return handles, labels


def _published(sheet: Sheet, store: Store) -> dict[str, np.ndarray]:
    """Metric -> points (N, 2) of cost in % of the seed's, up to 100, and score of published networks."""
    table = beside_table(sheet.runs, load_published(store.root / FOLDER))
    theirs = table[(table["whose"] == "published") & (table["score_name"] == sheet.runs["score_name"].iloc[0])]
    found = {}
    for metric in ("weights", "macs"):
        if f"seed/{metric}" in sheet.runs:
            percent = theirs[metric].astype(float) / sheet.runs[f"seed/{metric}"].median() * 100
            points = np.column_stack([percent, theirs["score"].astype(float)])
            found[metric] = points[np.isfinite(points).all(axis=1) & (points[:, 0] <= 100)]
    return found


def _panel(ax: Axes, sheet: Sheet, row: Row, metric: str, published: np.ndarray) -> None:
    runs = sheet.at(row.budget)
    _cost_axis(ax, runs, metric, published[:, 0])
    for method in row.methods:
        _marks(ax, runs[runs["method"] == method], metric, sheet.looks[method])
    ax.plot(published[:, 0], published[:, 1], zorder=2, **_PUBLISHED)
    heights = [*runs["score"], *published[:, 1]]
    for value, line in ((sheet.quality_target, _TARGET), (sheet.seed_score, _SEED)):
        if np.isfinite(value):
            ax.axhline(value, zorder=1, **line)
            heights.append(value)
    ax.set_ylim(*padded(heights, 0.12, 0.005))
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    sns.despine(ax=ax)


def _marks(ax: Axes, own: pd.DataFrame, metric: str, look: Look) -> None:
    """One method's seeds, and their mean with its interval."""
    score = mean_interval(own["score"])
    bars = [[score.mean - score.low], [score.high - score.mean]] if np.isfinite(score.low) else None
    mean = marker(look, 8, not own["feasible"].all(), ecolor=look.colour, elinewidth=1.3, capsize=2.5, zorder=3)
    if own["feasible"].all():
        mean["markerfacecolor"] = (look.colour, MEAN_ALPHA)
    ax.errorbar([own[f"relative/{metric}"].mean() * 100], [score.mean], yerr=bars, **mean)
    for fits in (False, True):
        some = own[own["feasible"] == fits]
        ax.plot(some[f"relative/{metric}"] * 100, some["score"], **marker(look, 3.5, not fits, mew=0.8, zorder=4))


def _cost_axis(ax: Axes, runs: pd.DataFrame, metric: str, published: np.ndarray) -> None:
    """Limit the cost axis to the data and the budget, and hatch what lies over the budget."""
    costs = [*runs[f"relative/{metric}"] * 100, *published]
    seed, unit = runs[f"seed/{metric}"].median(), str(runs[f"unit/{metric}"].iloc[0])
    label = f"{metric}, % of the seed's {quantity(seed, unit)}"
    if metric not in by_metric(runs, "target"):
        ax.set_xlabel(label)
        return
    target = runs[f"target/{metric}"].median()
    limit = target / seed * 100
    low, high = padded([*costs, limit], 0.08, 0.06 * limit)
    ax.set_xlim(max(0.0, low), high)
    ax.axvspan(limit, high, facecolor=OVER, edgecolor="#C4C4C4", hatch="////", linewidth=0, zorder=0)
    ax.axvline(limit, color=LIMIT, linewidth=1.4, zorder=2)
    ax.set_xlabel(f"{label}\nbudget {quantity(target, unit)}")
