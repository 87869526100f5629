"""Validation score of the reference network against the length of its training, by preset, beside the paper's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from suite.records.store import Store
from suite.report.figures.pages import MOST_LINES, FigurePage, RenderedFigure, in_lines
from suite.report.figures.panels import GREY_STYLE, add_panels, legend_mark, marker_options, padded_limits
from suite.report.figures.style import LIMIT_COLOUR, MethodStyle, new_figure, numbered_style
from suite.report.statistics.intervals import Floats, mean_interval
from suite.report.statistics.training_lengths import PAPER_PRESET, TrainingLength, shortest_converged, training_lengths
from suite.report.tables.text import score_label

KIND = "convergence"

_PAPER_STYLE = MethodStyle(LIMIT_COLOUR, "D")
_PAPER_LINE: dict[str, Any] = {"linestyle": (0, (1, 1.5)), "linewidth": 1.2, "zorder": 1}
_RECIPE_LINE: dict[str, Any] = {"linestyle": "-", "linewidth": 1.2, "zorder": 2}
_SHORTEST_LINE: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.1, "zorder": 1}
_PANEL_PADDING = 0.12
"""Inches around a panel, so that the label of a vertical axis is not taken for part of the panel before it."""

_CLOSEST_TICKS = 0.09
"""Share of the axis below which two numbers of epochs would touch."""

_SEED_OFFSET = 0.03
"""Share of the axis by which seeds stand beside their mean, which would hide them."""


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of the benchmarks whose reference network was trained for several lengths."""
    benchmarks = list(dict.fromkeys(length.benchmark for length in _validated_lengths(page)))
    most = MOST_LINES * page.format.panels
    for number, shown in enumerate(in_lines(benchmarks, most), 1):
        yield replace(page, number=number, runs=page.runs[page.runs["benchmark"].isin(shown)])


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """A panel per benchmark."""
    lengths = _validated_lengths(page)
    panels = [list(own) for _, own in groupby(lengths, lambda length: length.benchmark)]
    styles = _preset_styles(lengths)
    lines = in_lines(panels, page.format.panels)
    figure = new_figure(0.7 + 2.6 * len(lines), page.format)
    figure.set_layout_engine("constrained", w_pad=_PANEL_PADDING)
    for line, axes in zip(lines, add_panels(figure, [len(line) for line in lines]), strict=True):
        for own, ax in zip(line, axes, strict=True):
            _draw_panel(ax, own, styles)
    entries: dict[str, Artist] = {}
    for preset, style in styles.items():
        dashes = _PAPER_LINE if preset == PAPER_PRESET else _RECIPE_LINE
        entries[f"preset {preset}"] = legend_mark(style, 6, color=style.colour, **dashes)
    entries["one seed"] = legend_mark(GREY_STYLE, 2.5)
    entries["shortest converged length"] = Line2D([], [], color=GREY_STYLE.colour, **_SHORTEST_LINE)
    return page.render(KIND, figure, entries)


def _validated_lengths(page: FigurePage) -> list[TrainingLength]:
    """The lengths of runs with a validation score."""
    return training_lengths(page.runs[page.runs["validation_score"].notna()])


def _preset_styles(lengths: Sequence[TrainingLength]) -> dict[str, MethodStyle]:
    """A style for each preset; the paper's, if it ran, is last."""
    presets = sorted({length.base_preset for length in lengths}, key=lambda name: (name == PAPER_PRESET, name))
    return {name: _PAPER_STYLE if name == PAPER_PRESET else numbered_style(i) for i, name in enumerate(presets)}


def _draw_panel(ax: Axes, lengths: Sequence[TrainingLength], styles: Mapping[str, MethodStyle]) -> None:
    by_error = any(length.by_error for length in lengths)
    _set_epochs(ax, [length.epochs for length in lengths])
    shortest = shortest_converged(lengths)
    for _, own in groupby(lengths, lambda length: length.series):
        recipe = list(own)
        style = styles[recipe[0].base_preset]
        _draw_recipe(ax, recipe, style)
        if epochs := shortest.get(recipe[0].series):
            ax.axvline(epochs, color=style.colour, **_SHORTEST_LINE)
    for paper in {paper.series: paper for length in lengths if (paper := length.paper(lengths))}.values():
        ax.axhline(_mean_score(paper), color=_PAPER_STYLE.colour, **_PAPER_LINE)
    scores = np.concatenate([_scores(length) for length in lengths])
    ax.set_ylim(*padded_limits(scores, 0.15, 0.005 * float(scores.max())))
    first = lengths[0]
    name = next(iter(first.runs["selection_name"]), "")
    ax.set_ylabel("validation error (lower is better)" if by_error else f"validation {score_label(name)}")
    ax.set_title(first.benchmark)


def _draw_recipe(ax: Axes, recipe: Sequence[TrainingLength], style: MethodStyle) -> None:
    """The lengths of one recipe: seeds, means with intervals, and a line through these."""
    ax.plot([x.epochs for x in recipe], [_mean_score(x) for x in recipe], color=style.colour, **_RECIPE_LINE)
    beside = _after_share(ax, _SEED_OFFSET)
    for length in recipe:
        mean = mean_interval(_scores(length))
        bars = [[mean.mean - mean.low], [mean.high - mean.mean]] if np.isfinite(mean.low) else None
        options = marker_options(style, 6, ecolor=style.colour, elinewidth=1.3, capsize=2.5, zorder=3)
        ax.errorbar([length.epochs], [mean.mean], yerr=bars, **options)
        ax.plot([length.epochs * beside] * mean.n, _scores(length), **marker_options(style, 2.5, zorder=4))


def _scores(length: TrainingLength) -> Floats:
    """Validation scores of the runs (N,), or their reconstruction errors."""
    scores: Floats = length.runs["validation_score"].to_numpy(dtype=float)
    return -scores if length.by_error else scores


def _mean_score(length: TrainingLength) -> float:
    return mean_interval(_scores(length)).mean


def _set_epochs(ax: Axes, lengths: Sequence[int]) -> None:
    """An axis of doublings with the lengths as ticks, without those that would touch the one before."""
    low, high = np.log2(min(lengths)), np.log2(max(lengths))
    pad = max(0.1 * (high - low), 0.25)
    ax.set_xscale("log", base=2)
    ax.set_xlim(2 ** (low - pad), 2 ** (high + pad))
    ticks: list[int] = []
    for length in sorted(set(lengths)):
        if not ticks or length / ticks[-1] >= _after_share(ax, _CLOSEST_TICKS):
            ticks.append(length)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xlabel("epochs")


def _after_share(ax: Axes, share: float) -> float:
    """The factor between two numbers of epochs that are so large a share of the axis apart."""
    low, high = ax.get_xlim()
    return float((high / low) ** share)
