"""How searches went: cost over target, strengths and score, epoch by epoch."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from suite.records.frame import by_metric, in_order
from suite.records.store import Store
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import FigurePage, MethodEntry, RenderedFigure, in_lines, split_by_methods
from suite.report.figures.panels import add_legend, add_panels, padded_limits
from suite.report.figures.run_files import read_history
from suite.report.figures.style import (
    INK_COLOUR,
    LIMIT_COLOUR,
    METRIC_LINE_STYLES,
    NEUTRAL_COLOUR,
    PHASE_COLOURS,
    new_figure,
)
from suite.report.tables.text import PHASE_LABELS, metric_label, score_label

KIND = "trajectories"

_LINES_PER_PAGE = 4
"""Methods and budgets of one page, three panels each."""

_RETURNED_MARK: dict[str, Any] = {"marker": "D", "markersize": 4, "linestyle": "none", "zorder": 5, "clip_on": False}

_CAPTION = (
    "One line per seed and metric, over the epochs of a run. Left: exact cost at an epoch's end over its target; the "
    "budget is the line at 1, and the diamond at the end is the network that was returned, after checkpoint choice "
    "and repair. Middle: strength of the penalty x target, what exceeding a target by 100 % adds to the loss. Right: "
    "validation score of the float network; very low first epochs may lie below the panel. Seeds whose phases have "
    "different lengths are aligned at the start of each phase. Methods that record no cost by epoch are not drawn, nor "
    "those that train one candidate after another."
)

_PHASES = ("warmup", "search", "finetune")

_PHASE_SHADE: dict[str, Any] = {"alpha": 0.16, "linewidth": 0, "zorder": 0}

TRIAL_STATE = "trial_state"
"""Column of histories whose epochs are of one candidate after another."""

_DEEPEST_SCORE = 20
"""Scores further below the median than so many times its distance to the best are not shown."""

_LABELS = ("cost / target", "strength x target")

_Segments = list[pd.DataFrame]
"""A history cut where the phase changes, or epochs are counted anew."""

_Runs = list[tuple[pd.Series, _Segments]]


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the methods whose histories have the costs of budgeted metrics along one training."""
    chosen = [e for e in page.entries() if any(_epochs_with_costs(store, e, run) is not None for run in e.run_ids)]
    return split_by_methods(page, page.rows_with(chosen), 2 if page.format.narrow else _LINES_PER_PAGE)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """Three panels per budget and method, in a line where there is room."""
    shown = [(entry, _runs_with_costs(entry, store)) for entry in page.entries()]
    columns = 1 if page.format.narrow else 3
    lines = 3 // columns * len(shown)
    figure = new_figure(0.9 + 1.5 * lines, page.format)
    axes = [ax for line in add_panels(figure, [columns] * lines, [1] * lines) for ax in line]
    panels = in_lines(axes, 3)
    labels = (*_LABELS, f"validation\n{score_label(str(page.runs['selection_name'].iloc[0])) or 'score'}")
    for (entry, runs), line in zip(shown, panels, strict=True):
        starts, phases = _align_phases([segments for _, segments in runs])
        _draw_costs(line[0], entry, runs, starts)
        _draw_strengths(line[1], entry, runs, starts)
        _draw_scores(line[2], runs, starts)
        for ax, label in zip(line, labels, strict=True):
            _shade_phases(ax, starts, phases)
            ax.set_ylabel(label)
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            sns.despine(ax=ax)
        _add_line_title(line, f"{entry.method}, budget: {entry.row.budget}", page.format)
    for ax in axes[-columns:]:
        ax.set_xlabel("epoch")
    add_legend(figure, *_legend_entries(page))
    return page.render(KIND, "Trajectories", _CAPTION + page.seed_limit_note(), figure)


def _add_line_title(line: Sequence[Axes], text: str, form: FigureFormat) -> None:
    """A title as wide as the whole line. The layout would widen the first panel's column for a title of that panel, and
    so sees only the room above the second one.
    """
    lines = textwrap.fill(text, form.characters(0.68 if form.narrow else 0.77))
    anchor: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "baseline"}
    size = mpl.rcParams["axes.titlesize"]
    title = line[0].annotate(lines, (0, 1), (0, mpl.rcParams["axes.titlepad"]), fontsize=size, weight="bold", **anchor)
    title.set_in_layout(False)
    line[0 if form.narrow else 1].set_title(" \n" * lines.count("\n") + " ")


def _epochs_with_costs(store: Store, entry: MethodEntry, run: str) -> pd.DataFrame | None:
    """The run's history, if it has costs by epoch of one network's change: candidates have `best_so_far`."""
    epochs = read_history(store, run)
    if epochs is None or epochs.empty or not {"phase", "epoch"} <= set(epochs) or TRIAL_STATE in epochs:
        return None
    return epochs if any(f"cost/{metric}" in epochs for metric in _limited_metrics(entry)) else None


def _limited_metrics(entry: MethodEntry) -> list[str]:
    """The budgeted metrics: where nothing is limited a row has others."""
    return [m for m in entry.row.metrics if m in by_metric(entry.runs, "target")]


def _runs_with_costs(entry: MethodEntry, store: Store) -> _Runs:
    """The entry's runs that have costs by epoch, each with its history in segments."""
    runs = []
    for _, run in entry.runs.iterrows():
        if (epochs := _epochs_with_costs(store, entry, str(run["id"]))) is not None:
            cuts = ((epochs["phase"] != epochs["phase"].shift()) | (epochs["epoch"].diff() != 1)).cumsum()
            runs.append((run, [segment for _, segment in epochs.groupby(cuts)]))
    return runs


def _align_phases(runs: Sequence[_Segments]) -> tuple[list[int], list[str]]:
    """Where each segment starts (K + 1,), so that the longest seed's has room, and its phase (K,)."""
    longest = max(runs, key=len, default=[])
    lengths = [max(len(run[k]) for run in runs if k < len(run)) for k in range(len(longest))]
    return [0, *np.cumsum(lengths).tolist()], [str(segment["phase"].iloc[0]) for segment in longest]


def _line_points(segments: _Segments, starts: Sequence[int], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions and values of one seed's line, (N,) each, with a gap between segments and where there is no value."""
    values = [s[column].to_numpy(dtype=float) if column in s else np.full(len(s), np.nan) for s in segments]
    x = [np.r_[start + np.arange(len(segment)) + 0.5, np.nan] for start, segment in zip(starts, segments, strict=False)]
    return np.concatenate(x), np.concatenate([np.r_[v, np.nan] for v in values])


def _shade_phases(ax: Axes, starts: Sequence[int], phases: Sequence[str]) -> None:
    for start, end, phase in zip(starts, starts[1:], phases, strict=False):
        ax.axvspan(start, end, facecolor=PHASE_COLOURS.get(phase, "#FFFFFF"), **_PHASE_SHADE)
    for start in starts[1:-1]:
        ax.axvline(start, color="#BBBBBB", linewidth=0.7, zorder=0.5)
    ax.set_xlim(0, max(1, starts[-1]))


def _draw_per_metric(
    ax: Axes, entry: MethodEntry, runs: _Runs, starts: Sequence[int], prefix: str, power: int
) -> list[float]:
    """Lines of `prefix/metric` x target ** `power` for every seed; all values that are drawn."""
    drawn: list[float] = []
    for metric in _limited_metrics(entry):
        colour, dashes = METRIC_LINE_STYLES.get(metric, (NEUTRAL_COLOUR, "-"))
        for run, segments in runs:
            x, y = _line_points(segments, starts, f"{prefix}/{metric}")
            y *= run[f"target/{metric}"] ** power
            ax.plot(x, y, color=colour, linestyle=dashes, linewidth=1.1, marker=".", markersize=2.5, alpha=0.85)
            drawn += y[np.isfinite(y)].tolist()
    return drawn


def _draw_costs(ax: Axes, entry: MethodEntry, runs: _Runs, starts: Sequence[int]) -> None:
    drawn = [1.0, *_draw_per_metric(ax, entry, runs, starts, "cost", -1)]
    for metric in _limited_metrics(entry):
        for run, _ in runs:
            final = run[f"cost/{metric}"] / run[f"target/{metric}"]
            colour = METRIC_LINE_STYLES.get(metric, (NEUTRAL_COLOUR, "-"))[0]
            ax.plot([starts[-1]], [final], color=colour, markerfacecolor="white", **_RETURNED_MARK)
            drawn.append(final)
    ax.axhline(1, color=LIMIT_COLOUR, linewidth=1.2, zorder=1.5)
    positive = [value for value in drawn if value > 0]
    if max(positive) > 3 * min(positive):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(min(positive) / 1.25, max(positive) * 1.25)
    else:
        ax.set_ylim(*padded_limits(drawn, 0.1, 0.05))


def _draw_strengths(ax: Axes, entry: MethodEntry, runs: _Runs, starts: Sequence[int]) -> None:
    drawn = _draw_per_metric(ax, entry, runs, starts, "strength", 1)
    if not drawn:
        _write_no_data(ax, "none in this method")
    ax.set_ylim(0, 1.1 * max([*drawn, 1e-12]))


def _write_no_data(ax: Axes, why: str) -> None:
    ax.text(0.5, 0.5, why, ha="center", va="center", transform=ax.transAxes, fontsize="small")
    ax.set_yticks([])


def _draw_scores(ax: Axes, runs: _Runs, starts: Sequence[int]) -> None:
    drawn: list[float] = []
    for _, segments in runs:
        x, y = _line_points(segments, starts, "score")
        ax.plot(x, y, color=INK_COLOUR, linewidth=1.0, marker=".", markersize=2.5, alpha=0.75)
        drawn += y[np.isfinite(y)].tolist()
    if not drawn:
        _write_no_data(ax, "none recorded")
        return
    middle, best = float(np.median(drawn)), max(drawn)
    low, high = padded_limits(
        [value for value in drawn if value >= middle - _DEEPEST_SCORE * (best - middle)], 0.08, 0.005
    )
    ax.set_ylim(low, high)


def _legend_entries(page: FigurePage) -> tuple[list[Artist], list[str]]:
    """Handles and labels of the legend: metrics, the returned network, phases."""
    metrics = in_order(metric for row in page.rows for metric in row.metrics)
    styles = [METRIC_LINE_STYLES.get(metric, (NEUTRAL_COLOUR, "-")) for metric in metrics]
    handles: list[Artist] = [Line2D([], [], color=c, linestyle=dashes, linewidth=1.4) for c, dashes in styles]
    handles.append(Line2D([], [], color=NEUTRAL_COLOUR, markerfacecolor="white", **_RETURNED_MARK))
    handles += [
        Patch(facecolor=PHASE_COLOURS[phase], edgecolor="#BBBBBB", alpha=_PHASE_SHADE["alpha"]) for phase in _PHASES
    ]
    return handles, [*map(metric_label, metrics), "returned network", *(PHASE_LABELS[phase] for phase in _PHASES)]
