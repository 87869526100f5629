"""Which test score each method attains at which cost: attainment surfaces over seeds."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.records.frame import by_metric
from suite.records.store import Store
from suite.report.figures.fit import cost_label
from suite.report.figures.pages import FigurePage, RenderedFigure, in_lines
from suite.report.figures.panels import add_legend, add_panels, padded_limits
from suite.report.figures.style import MethodStyle, new_figure
from suite.report.grouping import MethodVariant
from suite.report.statistics.fronts import FEWEST_BUDGETS, WORST_COST, attainment
from suite.report.statistics.intervals import Floats
from suite.report.tables.text import float_score_label

KIND = "attainment"

_MOST_PANELS = 4
"""Metrics in one figure, those that most runs limit first."""

_MOST_BANDS = 4
"""Methods beyond which bands would hide each other and the lines."""

_PERCENTILES = (0, 50, 100)

_CAPTION = (
    "What each method attains over the budgets, at least three, that limit a metric: at a cost, the float test score "
    "that at least half of its seeds reach with a network that costs no more. A mark stands where another network "
    "takes over. {bands} Only seeds that ran at all targets of their method count, and runs that miss any of their "
    "constraints count as nothing. Surfaces go on to the benchmark's reference point, chance and the reference "
    "network's cost. Between the budgets that ran nothing is known: a step says only what the nearest smaller network "
    "had. Methods that ran at different budgets cannot be compared."
)
_BANDS = "The band reaches from what all seeds attain to what the best one does; with three seeds that is all there is."
_NO_BANDS = "There are too many methods to show how far their seeds lie apart."


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """One page, where methods ran at enough budgets that limit the same metric and the benchmark states a chance."""
    if _metrics(page.runs):
        yield replace(page, omission_note="", rows=())


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A panel per budgeted metric, a line and a band per method."""
    metrics = _metrics(page.runs)
    shown = metrics[:_MOST_PANELS]
    surfaces = {metric: _attainment_surfaces(page.runs, metric) for metric in shown}
    ranking = page.runs.groupby("method")["score"].mean().sort_values(ascending=False, kind="stable")
    methods = [m for m in ranking.index if any(m in by_method for by_method in surfaces.values())]
    lines = in_lines(shown, page.format.panels)
    figure = new_figure(0.9 + 0.1 * len(methods) + 2.6 * len(lines), page.format)
    for line, names in zip(add_panels(figure, [len(x) for x in lines], [1] * len(lines)), lines, strict=True):
        for ax, metric in zip(line, names, strict=True):
            _draw_panel(ax, surfaces[metric], page.method_styles, bands=len(methods) <= _MOST_BANDS)
            ax.set_xlabel(f"{cost_label(page.runs, metric)}, % of the reference's")
        line[0].set_ylabel(float_score_label(page.runs["score_name"].iloc[0]))
    styles = [page.method_styles[m] for m in methods]
    add_legend(
        figure,
        [Line2D([], [], color=x.colour, marker=x.marker, markersize=5) for x in styles],
        [str(m) for m in methods],
    )
    caption = _CAPTION.format(bands=_BANDS if len(methods) <= _MOST_BANDS else _NO_BANDS)
    if len(shown) < len(metrics):
        caption += f" Of {len(metrics)} budgeted metrics, {len(shown)} are drawn."
    return page.render(KIND, "Attained score against cost", caption, figure)


def _metrics(runs: pd.DataFrame) -> list[str]:
    """The metrics of which a method ran at enough targets and met one, those with most such runs first."""
    counts = {m: _is_counted(_runs_at_enough_targets(runs, m), m).sum() for m in by_metric(runs, "target")}
    return sorted((m for m in counts if counts[m]), key=lambda m: -counts[m])


def _runs_at_enough_targets(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The runs of seeds that ran at all targets of the metric that their method ran at, `FEWEST_BUDGETS` or more."""
    limited = runs[runs[f"target/{metric}"].notna() & runs["chance"].notna()]
    of_method, of_seed = (
        limited.groupby(group)[f"target/{metric}"].transform("nunique") for group in (["method"], ["method", "seed"])
    )
    return limited[(of_seed == of_method) & (of_method >= FEWEST_BUDGETS)]


def _is_counted(runs: pd.DataFrame, metric: str) -> pd.Series:
    """Which runs limit the metric, fit, and are better than the reference point."""
    better = (runs["score"] > runs["chance"]) & (runs[f"relative/{metric}"] < WORST_COST)
    return runs[f"target/{metric}"].notna() & runs["feasible"] & better


def _attainment_surfaces(runs: pd.DataFrame, metric: str) -> dict[MethodVariant, list[Floats]]:
    """Method -> its best, median and worst surface (N, 2) of cost in % of the reference network's and score, by
    rising cost.
    """
    limited = _runs_at_enough_targets(runs, metric)
    limited = limited.assign(score=limited["score"].where(_is_counted(limited, metric)))
    corner = np.array([[float(limited["chance"].iloc[0]), WORST_COST]])
    by_method: dict[MethodVariant, list[Floats]] = {}
    for _, own in limited.groupby("method"):
        if own["score"].notna().any():
            axes = own[["seed", "score", f"relative/{metric}"]].dropna()
            # The corner is attained by all, also by a seed that has nothing that counts.
            fronts = [
                np.concatenate([corner, axes.loc[axes["seed"] == seed].to_numpy(dtype=float)[:, 1:]])
                for seed in own["seed"].unique()
            ]
            surface = attainment(fronts, _PERCENTILES)
            by_method[own["method"].iloc[0]] = [
                _surface_steps(surface[surface[:, 2] == level]) for level in _PERCENTILES
            ]
    return by_method


def _surface_steps(surface: Floats) -> Floats:
    """Cost in % of the reference network's and score (N, 2) of a surface's corners, by rising cost; the reference
    point is left out.
    """
    inside = surface[surface[:, 1] < WORST_COST]
    return inside[np.argsort(inside[:, 1])][:, [1, 0]] * [100, 1]


def _draw_panel(
    ax: Axes,
    surfaces: dict[MethodVariant, list[Floats]],
    method_styles: dict[MethodVariant, MethodStyle],
    *,
    bands: bool,
) -> None:
    corners = np.concatenate([steps for levels in surfaces.values() for steps in levels])
    low, high = padded_limits(corners[:, 0].tolist(), 0.08, 1.0)
    bottom, top = padded_limits(corners[:, 1].tolist(), 0.12, 0.005)
    for method, levels in surfaces.items():
        style = method_styles[method]
        best, median, worst = levels
        if bands:
            at = np.unique(np.concatenate([best[:, 0], worst[:, 0], [high]]))
            lower, upper = (_attained_scores(steps, at, bottom) for steps in (worst, best))
            ax.fill_between(at, lower, upper, step="post", color=style.colour, alpha=0.15, linewidth=0)
        if len(median):  # else fewer than half of the seeds have anything that fits
            x, y = np.vstack([[median[0, 0], bottom], median, [high, median[-1, 1]]]).T
            marks: dict[str, Any] = {"marker": style.marker, "markersize": 5, "markevery": slice(1, -1)}
            ax.plot(x, y, color=style.colour, linewidth=1.4, drawstyle="steps-post", **marks)
    ax.set(xlim=(max(0.0, low), high), ylim=(bottom, top))
    sns.despine(ax=ax)


def _attained_scores(steps: Floats, at: Floats, nothing: float) -> Floats:
    """The score that a surface has at each cost; `nothing` below its first."""
    index = np.searchsorted(steps[:, 0], at, side="right")
    return np.concatenate([[nothing], steps[:, 1]])[index]
