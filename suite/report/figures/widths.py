"""Which share of each channel group's width the returned networks keep."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.pages import FigurePage, MethodEntry, RenderedFigure, split_by_methods
from suite.report.figures.panels import NAME_WIDTH, add_budget_title, wrap_label
from suite.report.figures.run_files import read_architecture, read_record
from suite.report.figures.style import INK_COLOUR, new_figure
from suite.report.grouping import natural_key

KIND = "widths"

_METHODS_PER_PAGE = 16
"""Methods and budgets of one page, a line each."""

_NAMES = 1.9
"""Inches of the methods' names and of what is around them, at the usual size of type."""

_RANGE_CELL, _MEAN_CELL = 0.36, 0.24
"""Inches of a cell, at the usual size of type, that has room for a mean with its range, and for a mean alone; a scale
stands in the place of numbers in smaller ones.
"""

_CHARACTER = 0.068
"""Inches of a character at the usual size of type."""

_DARK_FROM = 60
"""From this share on, in %, the map is so dark that text on it is white."""


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the methods whose networks have the reference network's channel groups; a supernet has others."""
    chosen = [e for e in page.entries() if any(_width_shares(read_record(store, run)) for run in e.run_ids)]
    return split_by_methods(page, page.rows_with(chosen), _METHODS_PER_PAGE)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """A map per budget: methods by channel groups."""
    shown = list(page.entries())
    names, widths = _channel_groups(shown, store)
    room = (page.format.width / page.format.scale - _NAMES) / len(names)
    ticks, below, rotation = _group_ticks(names, widths, room)
    name = max(wrap_label(str(method), NAME_WIDTH).count("\n") for method in page.methods)
    lines = [0.2 + max(0.4, 0.2 + 0.13 * name) * len(row.methods) for row in page.rows]
    figure = new_figure(0.5 + below + sum(lines) + 0.28 * len(lines), page.format)
    panels = list(figure.subplots(len(lines), squeeze=False, height_ratios=lines).flat)
    for ax, row in zip(panels, page.rows, strict=True):
        _draw_panel(ax, [entry for entry in shown if entry.row == row], names, store, room)
        add_budget_title(ax, row.budget, page.format)
    panels[-1].set_xticks(np.arange(len(names)) + 0.5, ticks, rotation=rotation)
    panels[-1].set_xlabel("channel group, from input to output")
    if room < _MEAN_CELL:
        figure.colorbar(panels[0].collections[0], ax=panels, label="% kept", aspect=30)
    return page.render(KIND, figure, {}, page.seed_limit_note())


def _group_ticks(names: Sequence[str], widths: Mapping[str, int], room: float) -> tuple[list[str], float, int]:
    """Names of the groups with the reference network's widths, in lines of up to `room` inches where that is enough,
    else upright; what they take below the map in inches, and their rotation in degrees.
    """
    stacked = [name.replace(".", "\n") + f"\n({widths[name]})" for name in names]
    if _CHARACTER * max(len(line) for tick in stacked for line in tick.splitlines()) <= room:
        return stacked, 0.14 * (1 + max(tick.count("\n") for tick in stacked)), 0
    flat = [f"{name} ({widths[name]})" for name in names]
    return flat, _CHARACTER * max(map(len, flat)), 90


def _width_shares(record: RunRecord | None) -> dict[str, float]:
    """Group -> width in % of the reference network's; empty where the two networks have other groups."""
    if record is None or not record.widths or set(record.widths) != set(record.reference_widths):
        return {}
    return {name: 100 * width / record.reference_widths[name] for name, width in record.widths.items()}


def _channel_groups(shown: Sequence[MethodEntry], store: Store) -> tuple[list[str], Mapping[str, int]]:
    """The groups from input to output, as an architecture.json has them (a record sorts its keys), else by name; and
    the reference network's width of each.
    """
    run, record = next(
        (run, r) for e in shown for run in e.run_ids if _width_shares(r := read_record(store, run)) and r
    )
    ordered = list((read_architecture(store, run) or {}).get("widths", {}))
    widths = record.reference_widths
    names = ordered if set(ordered) == set(widths) else sorted(widths, key=natural_key)
    return names, widths


def _draw_panel(ax: Axes, shown: Sequence[MethodEntry], names: list[str], store: Store, room: float) -> None:
    """The map of one budget; runs with other channel groups than `names` are left out."""
    shares = [[_width_shares(read_record(store, run)) for run in entry.run_ids] for entry in shown]
    runs = [pd.DataFrame([s for s in own if set(s) == set(names)], columns=names, dtype=float) for own in shares]
    mean, low, high = (np.array([getattr(own, bound)() for own in runs]) for bound in ("mean", "min", "max"))
    methods = [wrap_label(str(entry.method), NAME_WIDTH) for entry in shown]
    options = {"cmap": "Blues", "vmin": 0, "vmax": 100, "linewidths": 0.6, "linecolor": "white"}
    sns.heatmap(mean, ax=ax, cbar=False, xticklabels=False, yticklabels=methods, **options)
    ax.tick_params(axis="both", length=0, rotation=0)
    for (i, j), value in np.ndenumerate(mean):
        if np.isfinite(value) and room >= _MEAN_CELL:
            ranged = high[i, j] - low[i, j] >= 0.5 and room >= _RANGE_CELL
            text: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center"}
            text |= {"xy": (j + 0.5, i + 0.5), "color": "white" if value >= _DARK_FROM else INK_COLOUR}
            ax.annotate(f"{value:.0f}", xytext=(0, 5 if ranged else 0), **text)
            if ranged:
                ax.annotate(f"{low[i, j]:.0f}\u2013{high[i, j]:.0f}", xytext=(0, -6), fontsize="small", **text)
