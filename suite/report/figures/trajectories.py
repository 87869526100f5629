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
from suite.report.figures.panels import grid, legend, padded
from suite.report.found import Entry, entries, history, history_columns, more_seeds, rows_where
from suite.report.sheets import Picture, Sheet, by_methods
from suite.report.style import INK, LIMIT, METRIC_LINES, NEUTRAL, PHASE_COLOURS, new_figure
from suite.report.text import PHASE_NAMES, words

KIND = "trajectories"

_LINES = {"paper": 4, "slides": 2}
"""Methods and budgets of one page, a line of three panels each."""

_RETURNED: dict[str, Any] = {"marker": "D", "markersize": 4, "linestyle": "none", "zorder": 5, "clip_on": False}

_CAPTION = (
    "One line per seed and metric, over the epochs of a run. Left: exact cost at an epoch's end over its target; the "
    "budget is the line at 1, and the diamond at the end is the network that was returned, after checkpoint choice "
    "and repair. Middle: strength of the penalty x target, what exceeding a target by 100 % adds to the loss. Right: "
    "validation score; very low first epochs may lie below the panel. Seeds whose phases have different lengths are "
    "aligned at the start of each phase. Methods that record no cost by epoch are not drawn."
)

_PHASES = ("warmup", "search", "finetune")

_SHADE: dict[str, Any] = {"alpha": 0.16, "linewidth": 0, "zorder": 0}

_DEEPEST = 20
"""Scores further below the median than so many times its distance to the best are not shown."""

_LABELS = ("cost / target", "strength x target")

_Segments = list[pd.DataFrame]
"""A history cut where the phase changes, or epochs are counted anew."""

_Runs = list[tuple[pd.Series, _Segments]]


def split(sheet: Sheet, store: Store) -> Iterator[Sheet]:
    """Pages of the methods whose histories have the costs of budgeted metrics."""
    kept = {(e.row.budget, e.method) for e in entries(sheet) if any(_has_costs(store, e, run) for run in e.ids)}
    return by_methods(sheet, rows_where(sheet, kept), _LINES[sheet.style])


def draw(sheet: Sheet, store: Store) -> Picture:
    """A line of three panels per budget and method."""
    shown = [(entry, _runs(entry, store)) for entry in entries(sheet)]
    figure = new_figure(0.9 + 1.5 * len(shown), sheet.style)
    panels = grid(figure, [3] * len(shown), [1] * len(shown))
    labels = (*_LABELS, f"validation\n{words(str(sheet.runs['selection_name'].iloc[0])) or 'score'}")
    for (entry, runs), line in zip(shown, panels, strict=True):
        starts, phases = _layout([segments for _, segments in runs])
        _costs(line[0], entry, runs, starts)
        _strengths(line[1], entry, runs, starts)
        _scores(line[2], runs, starts)
        for ax, label in zip(line, labels, strict=True):
            _shade(ax, starts, phases)
            ax.set_ylabel(label)
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            sns.despine(ax=ax)
        _title(line, f"{entry.method}, budget: {entry.row.budget}")
    for ax in panels[-1]:
        ax.set_xlabel("epoch")
    legend(figure, *_key(sheet))
    return sheet.picture(KIND, "Trajectories", _CAPTION + more_seeds(sheet), figure)


def _title(line: Sequence[Axes], text: str) -> None:
    """A title as wide as the whole line. The layout would widen the first panel's column for a title of that panel, and
    so sees only the room above the second one.
    """
    lines = textwrap.fill(text, 88)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "baseline"}
    size = mpl.rcParams["axes.titlesize"]
    title = line[0].annotate(lines, (0, 1), (0, mpl.rcParams["axes.titlepad"]), fontsize=size, weight="bold", **place)
    title.set_in_layout(False)
    line[1].set_title(" \n" * lines.count("\n") + " ")


def _has_costs(store: Store, entry: Entry, run: str) -> bool:
    columns = history_columns(store, run)
    return {"phase", "epoch"} <= set(columns) and any(f"cost/{metric}" in columns for metric in _limited(entry))


def _limited(entry: Entry) -> list[str]:
    """The budgeted metrics: where nothing is limited a row has others."""
    return [m for m in entry.row.metrics if m in by_metric(entry.runs, "target")]


def _runs(entry: Entry, store: Store) -> _Runs:
    """The entry's runs that have costs by epoch, each with its history in segments."""
    found = []
    for _, run in entry.runs.iterrows():
        epochs = history(store, str(run["id"])) if _has_costs(store, entry, str(run["id"])) else None
        if epochs is not None and len(epochs):
            cuts = ((epochs["phase"] != epochs["phase"].shift()) | (epochs["epoch"].diff() != 1)).cumsum()
            found.append((run, [segment for _, segment in epochs.groupby(cuts)]))
    return found


def _layout(runs: Sequence[_Segments]) -> tuple[list[int], list[str]]:
    """Where each segment starts (K + 1,), so that the longest seed's has room, and its phase (K,)."""
    longest = max(runs, key=len, default=[])
    lengths = [max(len(run[k]) for run in runs if k < len(run)) for k in range(len(longest))]
    return [0, *np.cumsum(lengths).tolist()], [str(segment["phase"].iloc[0]) for segment in longest]


def _line(segments: _Segments, starts: Sequence[int], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions and values of one seed's line, (N,) each, with a gap between segments and where there is no value."""
    values = [s[column].to_numpy(dtype=float) if column in s else np.full(len(s), np.nan) for s in segments]
    x = [np.r_[start + np.arange(len(segment)) + 0.5, np.nan] for start, segment in zip(starts, segments, strict=False)]
    return np.concatenate(x), np.concatenate([np.r_[v, np.nan] for v in values])


def _shade(ax: Axes, starts: Sequence[int], phases: Sequence[str]) -> None:
    for start, end, phase in zip(starts, starts[1:], phases, strict=False):
        ax.axvspan(start, end, facecolor=PHASE_COLOURS.get(phase, "#FFFFFF"), **_SHADE)
    for start in starts[1:-1]:
        ax.axvline(start, color="#BBBBBB", linewidth=0.7, zorder=0.5)
    ax.set_xlim(0, max(1, starts[-1]))


def _per_metric(ax: Axes, entry: Entry, runs: _Runs, starts: Sequence[int], prefix: str, power: int) -> list[float]:
    """Lines of `prefix/metric` x target ** `power` for every seed; all values that are drawn."""
    drawn: list[float] = []
    for metric in _limited(entry):
        colour, dashes = METRIC_LINES.get(metric, (NEUTRAL, "-"))
        for run, segments in runs:
            x, y = _line(segments, starts, f"{prefix}/{metric}")
            y *= run[f"target/{metric}"] ** power
            ax.plot(x, y, color=colour, linestyle=dashes, linewidth=1.1, marker=".", markersize=2.5, alpha=0.85)
            drawn += y[np.isfinite(y)].tolist()
    return drawn


def _costs(ax: Axes, entry: Entry, runs: _Runs, starts: Sequence[int]) -> None:
    drawn = [1.0, *_per_metric(ax, entry, runs, starts, "cost", -1)]
    for metric in _limited(entry):
        for run, _ in runs:
            final = run[f"cost/{metric}"] / run[f"target/{metric}"]
            colour = METRIC_LINES.get(metric, (NEUTRAL, "-"))[0]
            ax.plot([starts[-1]], [final], color=colour, markerfacecolor="white", **_RETURNED)
            drawn.append(final)
    ax.axhline(1, color=LIMIT, linewidth=1.2, zorder=1.5)
    positive = [value for value in drawn if value > 0]
    if max(positive) > 3 * min(positive):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(min(positive) / 1.25, max(positive) * 1.25)
    else:
        ax.set_ylim(*padded(drawn, 0.1, 0.05))


def _strengths(ax: Axes, entry: Entry, runs: _Runs, starts: Sequence[int]) -> None:
    drawn = _per_metric(ax, entry, runs, starts, "strength", 1)
    if not drawn:
        _nothing(ax, "none in this method")
    ax.set_ylim(0, 1.1 * max([*drawn, 1e-12]))


def _nothing(ax: Axes, why: str) -> None:
    ax.text(0.5, 0.5, why, ha="center", va="center", transform=ax.transAxes, fontsize="small")
    ax.set_yticks([])


def _scores(ax: Axes, runs: _Runs, starts: Sequence[int]) -> None:
    drawn: list[float] = []
    for _, segments in runs:
        x, y = _line(segments, starts, "score")
        ax.plot(x, y, color=INK, linewidth=1.0, marker=".", markersize=2.5, alpha=0.75)
        drawn += y[np.isfinite(y)].tolist()
    if not drawn:
        _nothing(ax, "none recorded")
        return
    middle, best = float(np.median(drawn)), max(drawn)
    low, high = padded([value for value in drawn if value >= middle - _DEEPEST * (best - middle)], 0.08, 0.005)
    ax.set_ylim(low, high)


def _key(sheet: Sheet) -> tuple[list[Artist], list[str]]:
    """Handles and labels of the legend: metrics, the returned network, phases."""
    metrics = in_order(metric for row in sheet.rows for metric in row.metrics)
    styles = [METRIC_LINES.get(metric, (NEUTRAL, "-")) for metric in metrics]
    handles: list[Artist] = [Line2D([], [], color=c, linestyle=dashes, linewidth=1.4) for c, dashes in styles]
    handles.append(Line2D([], [], color=NEUTRAL, markerfacecolor="white", **_RETURNED))
    handles += [Patch(facecolor=PHASE_COLOURS[phase], edgecolor="#BBBBBB", alpha=_SHADE["alpha"]) for phase in _PHASES]
    return handles, [*metrics, "returned network", *(PHASE_NAMES[phase] for phase in _PHASES)]
