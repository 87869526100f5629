"""The figures of the report, drawn from the frame: score against cost, violations, search cost."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from suite.meter import PHASES
from suite.report.frame import by_metric
from suite.report.sheets import Picture, Sheet, pairs, sheets
from suite.report.statistics import mean_interval
from suite.report.style import INK, LIMIT, OVER, PHASE_COLOURS, Look, new_figure, styled
from suite.report.text import PHASE_NAMES, quantity, words

MEAN_ALPHA = 0.45
"""Opacity of a mean's mark, under which the seeds on top of it stay visible."""

AMORTISED: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
}


TARGET: dict[str, Any] = {"color": "#882255", "linestyle": (0, (5, 3)), "linewidth": 1.3}
"""The line of a quality target: dashed and coloured, where a budget's limit is solid and grey."""


def pictures(df: pd.DataFrame) -> list[Picture]:
    """All figures for the finished runs of `df`; none where no run finished."""
    found = []
    for sheet in sheets(df):
        with styled():
            found.append(_score(sheet))
            if sheet.limited:
                found.append(_violations(sheet))
            if sheet.runs["trainings"].notna().any():
                found.append(_cost(sheet))
    return found


def _grid(figure: Figure, columns: Sequence[int], heights: Sequence[float]) -> list[list[Axes]]:
    """Lines of axes, `columns[i]` in line i; the last of a line takes what room is left."""
    most = max(columns)
    grid = figure.add_gridspec(len(columns), most, height_ratios=list(heights))
    return [
        [figure.add_subplot(grid[i, j : most if j == n - 1 else j + 1]) for j in range(n)]
        for i, n in enumerate(columns)
    ]


def _wrapped(label: str, width: int) -> str:
    return "\n".join(textwrap.wrap(label, width, max_lines=4, placeholder=" …"))


def _legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """A legend below the panels with as many columns as its longest label allows."""
    wrapped = [_wrapped(label, 48) for label in labels]
    longest = max(len(line) for label in wrapped for line in label.splitlines())
    columns = max(1, min(3, 112 // (longest + 7)))
    figure.legend(list(handles), wrapped, loc="outside lower center", ncols=columns, handlelength=1.8)


def _marker(look: Look, size: float, hollow: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "marker": look.marker,
        "markersize": size,
        "markeredgecolor": look.colour,
        "markerfacecolor": "white" if hollow else look.colour,
        "linestyle": "none",
        **more,
    }


def _title(ax: Axes, budget: str) -> None:
    ax.set_title(textwrap.fill(f"budget: {budget}", 70), loc="left", fontweight="bold")


def _score(sheet: Sheet) -> Picture:
    lines = [(budget, pair) for budget, metrics in sheet.rows for pair in pairs(metrics)]
    figure = new_figure(0.9 + 0.18 * len(sheet.methods) + 2.35 * len(lines))
    panels = _grid(figure, [len(pair) for _, pair in lines], [1] * len(lines))
    for (budget, pair), line in zip(lines, panels, strict=True):
        for metric, ax in zip(pair, line, strict=True):
            _score_panel(ax, sheet, budget, metric)
        line[0].set_ylabel(f"test {words(sheet.runs['score_name'].iloc[0]) or 'score'}")
        _title(line[0], budget)
    shown = [m for m in sheet.methods if any(m in sheet.order(budget) for budget, _ in sheet.rows)]
    handles: list[Artist] = [Line2D([], [], **_marker(sheet.looks[m], 7)) for m in shown]
    labels = list(shown)
    grey = Look("#777777", "o")
    keys = [
        _marker(grey, 3.5),
        _marker(grey, 8, markerfacecolor=(grey.colour, MEAN_ALPHA)),
        _marker(grey, 8, True),
    ]
    handles += [Line2D([], [], **key) for key in keys]
    labels += ["small: one seed", "large: mean, 95 % interval", "hollow: misses some constraint"]
    if sheet.limited:
        handles.append(Patch(facecolor=OVER, edgecolor=LIMIT, hatch="////"))
        labels.append("over this budget")
    if np.isfinite(sheet.quality_target):
        handles.append(Line2D([], [], **TARGET))
        labels.append(f"MLPerf Tiny's target, {sheet.quality_target:g}")
    _legend(figure, handles, labels)
    caption = (
        "Test score against each budgeted cost, in % of the seed network's. Small marks are single seeds, "
        "large ones their mean with its 95 % bootstrap interval (for three seeds: their range). The hatched "
        "side is over the budget; a hollow mark misses at least one of the run's constraints, which may be "
        "that of another panel."
        + (" The dashed line is MLPerf Tiny's quality target." if np.isfinite(sheet.quality_target) else "")
    )
    return sheet.picture("score", "Score against cost", caption, figure)


def _score_panel(ax: Axes, sheet: Sheet, budget: str, metric: str) -> None:
    runs = sheet.at(budget)
    _budget_region(ax, runs, metric)
    for method in sheet.order(budget):
        own, look = runs[runs["method"] == method], sheet.looks[method]
        score = mean_interval(own["score"])
        bars = [[score.mean - score.low], [score.high - score.mean]] if np.isfinite(score.low) else None
        mean = _marker(look, 8, not own["feasible"].all(), ecolor=look.colour, elinewidth=1.3, capsize=2.5, zorder=3)
        if own["feasible"].all():
            mean["markerfacecolor"] = (look.colour, MEAN_ALPHA)
        ax.errorbar([own[f"relative/{metric}"].mean() * 100], [score.mean], yerr=bars, **mean)
        for fits in (False, True):
            some = own[own["feasible"] == fits]
            mark = _marker(look, 3.5, not fits, markeredgewidth=0.8, zorder=4)
            ax.plot(some[f"relative/{metric}"] * 100, some["score"], **mark)
    low, high = runs["score"].min(), runs["score"].max()
    if np.isfinite(sheet.quality_target):
        ax.axhline(sheet.quality_target, zorder=1, **TARGET)
        low, high = min(low, sheet.quality_target), max(high, sheet.quality_target)
    pad = max(0.12 * (high - low), 0.005)
    ax.set_ylim(low - pad, high + pad)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    sns.despine(ax=ax)


def _budget_region(ax: Axes, runs: pd.DataFrame, metric: str) -> None:
    """Limit the cost axis to the data and the budget, and hatch what lies over the budget."""
    costs = runs[f"relative/{metric}"].dropna() * 100
    seed, unit = runs[f"seed/{metric}"].median(), str(runs[f"unit/{metric}"].iloc[0])
    label = f"{metric}, % of the seed's {quantity(seed, unit)}"
    if metric not in by_metric(runs, "target"):
        ax.set_xlabel(label)
        return
    target = runs[f"target/{metric}"].median()
    limit = target / seed * 100
    low, high = min(costs.min(), limit), max(costs.max(), limit)
    pad = max(0.08 * (high - low), 0.06 * limit)
    ax.set_xlim(max(0.0, low - pad), high + pad)
    ax.axvspan(limit, high + pad, facecolor=OVER, edgecolor="#C4C4C4", hatch="////", linewidth=0, zorder=0)
    ax.axvline(limit, color=LIMIT, linewidth=1.4, zorder=2)
    ax.set_xlabel(f"{label}\nbudget {quantity(target, unit)}")


def _method_axis(ax: Axes, methods: Sequence[str], names: bool) -> None:
    """One line per method, the first on top; names only where `names` says so."""
    ax.set_yticks(range(len(methods)), [_wrapped(method, 34) if names else "" for method in methods])
    ax.set_ylim(len(methods) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _stacked(sheet: Sheet, lines: Sequence[tuple[str, int]]) -> tuple[Figure, list[list[Axes]]]:
    """A figure for lines of (budget, number of panels), as high as there are methods and lines of their
    names.
    """
    name = max(_wrapped(method, 34).count("\n") for budget, _ in lines for method in sheet.order(budget))
    heights = [0.25 + (0.3 + 0.12 * name) * len(sheet.order(budget)) for budget, _ in lines]
    figure = new_figure(0.75 + sum(heights) + 0.62 * len(lines))
    return figure, _grid(figure, [panels for _, panels in lines], heights)


def _violations(sheet: Sheet) -> Picture:
    lines = [(budget, pair) for budget, metrics in sheet.limited for pair in pairs(metrics)]
    figure, panels = _stacked(sheet, [(budget, len(pair)) for budget, pair in lines])
    columns = [c for c in sheet.runs.columns if c.startswith(("violation/", "search_violation/"))]
    largest = max(8.0, float(sheet.runs[columns].max().max()) * 100)
    for (budget, pair), line in zip(lines, panels, strict=True):
        for i, (metric, ax) in enumerate(zip(pair, line, strict=True)):
            _violation_panel(ax, sheet, budget, metric)
            _violation_axis(ax, largest * 1.6)
            _method_axis(ax, sheet.order(budget), names=i == 0)
            ax.set_xlabel(f"{metric}: over target, %")
        _title(line[0], budget)
    grey = Look("#777777", "o")
    handles = [Line2D([], [], **_marker(grey, 6.5, hollow)) for hollow in (False, True)]
    handles.append(Line2D([], [], marker="x", color=INK, linestyle="none", markersize=6))
    _legend(figure, handles, ["returned network: fits", "returned network: over", "last search epoch"])
    caption = (
        "How far each constraint is missed, in % of its target: the largest value over the seeds. Filled "
        "marks at 0 are returned networks that fit, hollow ones do not. A cross is the network at the last "
        "search epoch, before any choice of checkpoint or repair; methods without such an epoch have none. "
        "The axis is linear up to 1 %, logarithmic beyond."
    )
    return sheet.picture("violations", "Violations", caption, figure)


def _violation_axis(ax: Axes, highest: float) -> None:
    """An axis in % that shows 0 and 300 at once."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.6)
    ticks = [0, 1, 2, 5, 10, 20] if highest < 40 else [0, *(10**k for k in range(7))]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(-0.35, highest)


def _violation_panel(ax: Axes, sheet: Sheet, budget: str, metric: str) -> None:
    columns = [f"violation/{metric}", f"search_violation/{metric}"]
    methods = sheet.order(budget)
    largest = sheet.at(budget).groupby("method")[columns].max().loc[methods].to_numpy(dtype=float) * 100
    for place, (method, (final, search)) in enumerate(zip(methods, largest, strict=True)):
        if np.isfinite(search):
            ax.plot([final, search], [place, place], color="#999999", linewidth=1, zorder=2)
            ax.plot(search, place, marker="x", color=INK, markersize=6, zorder=5, clip_on=False)
        ax.plot(final, place, **_marker(sheet.looks[method], 6.5, final > 0, zorder=4, clip_on=False))
    sns.despine(ax=ax, left=True)
    ax.grid(axis="y", visible=True)


def _cost(sheet: Sheet) -> Picture:
    figure, panels = _stacked(sheet, [(budget, 1) for budget, _ in sheet.rows])
    longest = float(sheet.runs.groupby(["budget", "method"])["trainings"].mean().max())
    for (budget, _), (ax,) in zip(sheet.rows, panels, strict=True):
        _cost_panel(ax, sheet, budget)
        ax.set_xlim(0, longest * 1.15)
        _title(ax, budget)
    panels[-1][0].set_xlabel("standard trainings of the seed network, mean of the runs")
    handles: list[Artist] = [Patch(facecolor=PHASE_COLOURS[p], edgecolor=INK, linewidth=0.5) for p in PHASES]
    handles.append(Line2D([], [], linestyle="none", **AMORTISED))
    _legend(figure, handles, [*(PHASE_NAMES[p] for p in PHASES), "amortised total"])
    caption = (
        "What one run costs, in standard trainings of the seed network (MACs x samples), by phase and in "
        "full: as if it had been the only run. The diamond is the total with everything that runs share, "
        "such as the warm-up, divided among the runs of this report that used it."
    )
    return sheet.picture("cost", "Search cost", caption, figure)


def _cost_panel(ax: Axes, sheet: Sheet, budget: str) -> None:
    columns = [*(f"trainings/{phase}" for phase in PHASES), "trainings", "trainings_amortised"]
    methods = sheet.order(budget)
    means = sheet.at(budget).groupby("method")[columns].mean().loc[methods].to_numpy(dtype=float)
    for place, (*phases, total, amortised) in enumerate(means):
        start = 0.0
        for phase, width in zip(PHASES, phases, strict=True):
            colour = PHASE_COLOURS[phase]
            if width > 0:
                ax.barh(place, width, left=start, height=0.62, color=colour, edgecolor=INK, linewidth=0.5)
                start += width
        ax.plot(amortised, place, zorder=4, **AMORTISED)
        label: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8}
        ax.annotate(f"{total:.2f}", (total, place), (8, 0), **label)
    _method_axis(ax, methods, names=True)
    sns.despine(ax=ax, left=True)
    ax.grid(axis="y", visible=False)
