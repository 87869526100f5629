"""How searches went: cost over target, strengths and score, epoch by epoch."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from suite.records.frame import by_metric, in_order
from suite.records.store import Store
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import FigurePage, MethodEntry, RenderedFigure, in_lines, split_by_methods
from suite.report.figures.panels import GREY_STYLE, padded_limits
from suite.report.figures.run_files import read_history
from suite.report.figures.style import INK_COLOUR, LIMIT_COLOUR, METRIC_LINE_STYLES, PHASE_COLOURS, new_figure
from suite.report.tables.text import PHASE_LABELS, metric_label, score_label

KIND = "trajectories"

_LINES_PER_PAGE = 4
"""Methods and budgets of one page, three panels each."""

_RETURNED_MARK: dict[str, Any] = {
    **{"marker": "D", "markersize": 4, "markerfacecolor": "white"},
    **{"linestyle": "none", "zorder": 5, "clip_on": False},
}

_PHASES = ("warmup", "search", "finetune")

_PHASE_SHADE: dict[str, Any] = {"alpha": 0.16, "linewidth": 0, "zorder": 0}

TRIAL_STATE = "trial_state"
"""Column of histories whose epochs are of one candidate after another."""

_DEEPEST_SCORE = 20
"""Scores further below the median than so many times its distance to the best are not shown."""


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the methods whose histories have the costs of budgeted metrics along one training."""
    chosen = [e for e in page.entries() if any(_epochs_with_costs(store, e, run) is not None for run in e.run_ids)]
    return split_by_methods(page, page.rows_with(chosen), 2 if page.format.narrow else _LINES_PER_PAGE)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """Three panels per budget and method, in a line where there is room."""
    shown = [(entry, _read_epochs(entry, store)) for entry in page.entries()]
    columns = 1 if page.format.narrow else 3
    lines = 3 // columns * len(shown)
    figure = new_figure(0.9 + 1.5 * lines, page.format)
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    panels = in_lines(axes, 3)
    score = score_label(str(page.runs["selection_name"].iloc[0])) or "score"
    labels = ("cost / target", "strength x target", f"validation\n{score}")
    for (entry, epochs), line in zip(shown, panels, strict=True):
        _draw_costs(line[0], entry, epochs)
        _draw_strengths(line[1], entry, epochs)
        _draw_scores(line[2], epochs)
        for ax, label in zip(line, labels, strict=True):
            _shade_phases(ax, epochs)
            ax.set_ylabel(label)
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _add_line_title(line, f"{entry.method}, budget: {entry.row.budget}", page.format)
    for ax in axes[-columns:]:
        ax.set_xlabel("epoch")
    return page.render(KIND, figure, _legend_entries(page), page.seed_limit_note())


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
    return epochs if any(f"cost/{metric}" in epochs for metric in by_metric(entry.runs, "target")) else None


def _read_epochs(entry: MethodEntry, store: Store) -> pd.DataFrame:
    """The epochs of the entry's runs that have costs by epoch, costs over their target and strengths times it.

    Columns besides those of histories: `run`, its id; `segment`, one more where the phase changes or epochs are counted
    anew; `start` of the segment, so that the longest seed's has room; and `x`, the epoch's place. A segment ends with a
    row of NaN, at which lines have a gap.
    """
    runs = []
    for _, run in entry.runs.iterrows():
        if (epochs := _epochs_with_costs(store, entry, str(run["id"]))) is not None:
            cuts = ((epochs["phase"] != epochs["phase"].shift()) | (epochs["epoch"].diff() != 1)).cumsum()
            targets = {metric: run[f"target/{metric}"] for metric in by_metric(entry.runs, "target")}
            factors = {f"cost/{m}": target**-1 for m, target in targets.items()}
            factors |= {f"strength/{m}": target for m, target in targets.items()}
            scaled = {name: epochs[name].astype(float) * factor for name, factor in factors.items() if name in epochs}
            runs.append(epochs.assign(run=run["id"], segment=cuts, **scaled))
    whole = pd.concat(runs, ignore_index=True)
    position = whole.groupby(["run", "segment"]).cumcount()
    lengths = position.groupby(whole["segment"]).max() + 1
    start = whole["segment"].map(lengths.cumsum() - lengths)
    ends = whole.groupby(["run", "segment"]).tail(1)[["run", "segment"]]
    return pd.concat([whole.assign(start=start, x=start + position + 0.5), ends]).sort_index(kind="stable")


def _shade_phases(ax: Axes, epochs: pd.DataFrame) -> None:
    segments = epochs.groupby("segment").agg(start=("start", "first"), end=("x", "max"), phase=("phase", "first"))
    for start, end, phase in segments.itertuples(index=False):
        ax.axvspan(start, end + 0.5, facecolor=PHASE_COLOURS.get(phase, "#FFFFFF"), **_PHASE_SHADE)
        if start > 0:
            ax.axvline(start, color="#BBBBBB", linewidth=0.7, zorder=0.5)
    ax.set_xlim(0, segments["end"].max() + 0.5)


def _draw_lines(ax: Axes, epochs: pd.DataFrame, column: str, **options: Any) -> None:
    """A column of every seed, if any has a value there, with a gap between segments."""
    if column in epochs and epochs[column].notna().any():
        for _, part in epochs.groupby("run", sort=False):
            ax.plot(part["x"], part[column].astype(float), marker=".", markersize=2.5, **options)


def _draw_per_metric(ax: Axes, entry: MethodEntry, epochs: pd.DataFrame, prefix: str) -> None:
    """Lines of `prefix/metric` for every seed."""
    for metric in by_metric(entry.runs, "target"):
        _draw_lines(ax, epochs, f"{prefix}/{metric}", linewidth=1.1, alpha=0.85, **METRIC_LINE_STYLES[metric])


def _draw_costs(ax: Axes, entry: MethodEntry, epochs: pd.DataFrame) -> None:
    _draw_per_metric(ax, entry, epochs, "cost")
    returned = entry.runs[entry.runs["id"].isin(epochs["run"])]
    for metric in by_metric(entry.runs, "target"):
        final = returned[f"cost/{metric}"] / returned[f"target/{metric}"]
        ax.plot([epochs["x"].max() + 0.5] * len(final), final, **(METRIC_LINE_STYLES[metric] | _RETURNED_MARK))
    ax.axhline(1, color=LIMIT_COLOUR, linewidth=1.2, zorder=1.5)
    least, most = ax.dataLim.minposy, ax.dataLim.ymax
    if most > 3 * least:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(least / 1.25, most * 1.25)
    else:
        ax.set_ylim(*padded_limits(ax.dataLim.intervaly, 0.1, 0.05))


def _draw_strengths(ax: Axes, entry: MethodEntry, epochs: pd.DataFrame) -> None:
    _draw_per_metric(ax, entry, epochs, "strength")
    if ax.lines:
        ax.set_ylim(0, 1.1 * max(ax.dataLim.ymax, 1e-12))
    else:
        _write_no_data(ax, "none in this method")


def _write_no_data(ax: Axes, why: str) -> None:
    ax.text(0.5, 0.5, why, ha="center", va="center", transform=ax.transAxes, fontsize="small")
    ax.set_yticks([])


def _draw_scores(ax: Axes, epochs: pd.DataFrame) -> None:
    _draw_lines(ax, epochs, "score", color=INK_COLOUR, linewidth=1.0, alpha=0.75)
    if not ax.lines:
        _write_no_data(ax, "none recorded")
        return
    scores = epochs["score"].astype(float)
    middle, best = scores.median(), scores.max()
    ax.set_ylim(*padded_limits(scores[scores >= middle - _DEEPEST_SCORE * (best - middle)], 0.08, 0.005))


def _legend_entries(page: FigurePage) -> dict[str, Artist]:
    """The legend, label -> artist: metrics, the returned network, phases."""
    entries: dict[str, Artist] = {}
    for metric in in_order(metric for row in page.rows for metric in row.metrics):
        entries[metric_label(metric)] = Line2D([], [], linewidth=1.4, **METRIC_LINE_STYLES[metric])
    entries["returned network"] = Line2D([], [], color=GREY_STYLE.colour, **_RETURNED_MARK)
    for phase in _PHASES:
        shade = {"facecolor": PHASE_COLOURS[phase], "alpha": _PHASE_SHADE["alpha"]}
        entries[PHASE_LABELS[phase]] = Patch(edgecolor="#BBBBBB", **shade)
    return entries
