"""Which share of each channel group's width the found networks keep."""

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.panels import NAME_WIDTH, cell, grid, wrapped
from suite.report.found import MOST_SEEDS, Entry, architecture, entries, more_seeds, record, rows_where
from suite.report.order import natural
from suite.report.sheets import Picture, Sheet, by_methods
from suite.report.style import INK, new_figure

KIND = "widths"

_METHODS = {"paper": 18, "slides": 8}
"""Methods and budgets of one page, a line each."""

_TEXT_COLUMNS = 20
"""Channel groups beyond which a cell is too narrow for numbers, and a scale stands in their place."""

_CAPTION = (
    "Channels that the found networks keep, in % of the seed network's, by channel group from input to output (in "
    "brackets the seed's width). Mean over seeds, in small type the smallest and largest. Layers that are added share "
    "a group. Same widths need not be same networks: which channels are kept, and their weights, may differ."
)


_DARK = 55
"""Below this share, in %, the map is so dark that text on it is white."""


def split(sheet: Sheet, store: Store) -> Iterator[Sheet]:
    """Pages of the methods with networks of the seed's channel groups; those of a supernet have other groups."""
    kept = {(e.row.budget, e.method) for e in entries(sheet) if any(_shares(record(store, run)) for run in e.ids)}
    return by_methods(sheet, rows_where(sheet, kept), _METHODS[sheet.style])


def draw(sheet: Sheet, store: Store) -> Picture:
    """A map per budget: methods by channel groups."""
    shown = list(entries(sheet))
    names, seed = _groups(shown, store)
    lines = [0.2 + 0.36 * len(row.methods) for row in sheet.rows]
    figure = new_figure(0.35 + 0.068 * (max(map(len, names)) + 5) + sum(lines) + 0.28 * len(lines), sheet.style)
    panels = [line[0] for line in grid(figure, [1] * len(lines), lines)]
    for ax, row in zip(panels, sheet.rows, strict=True):
        _panel(ax, [entry for entry in shown if entry.row == row], names, store)
        ax.set_title(f"budget: {row.budget}", loc="left", fontweight="bold")
    ticks = [f"{name}  ({seed[name]})" for name in names]
    panels[-1].set_xticks(np.arange(len(names)) + 0.5, ticks, rotation=90)
    if len(names) > _TEXT_COLUMNS:
        figure.colorbar(panels[0].collections[0], ax=panels, label="% of the seed's width", aspect=30)
    return sheet.picture(KIND, "Widths of the found networks", _CAPTION + more_seeds(sheet), figure)


def _shares(found: RunRecord | None) -> dict[str, float]:
    """Group -> width in % of the seed's; empty where the network's groups are not the seed's."""
    if found is None or not found.widths or set(found.widths) != set(found.reference_widths):
        return {}
    return {name: 100 * width / found.reference_widths[name] for name, width in found.widths.items()}


def _groups(shown: Sequence[Entry], store: Store) -> tuple[list[str], Mapping[str, int]]:
    """The groups from input to output, as an architecture.json has them (a record sorts its keys), else by name; and
    the seed's width of each.
    """
    run, found = next((run, r) for e in shown for run in e.ids if _shares(r := record(store, run)) and r)
    ordered = list((architecture(store, run) or {}).get("widths", {}))
    names = ordered if set(ordered) == set(found.reference_widths) else sorted(found.reference_widths, key=natural)
    return names, found.reference_widths


def _panel(ax: Axes, shown: Sequence[Entry], names: Sequence[str], store: Store) -> None:
    """The map of one budget; runs with other channel groups than `names` are left out."""
    cells = np.full((len(shown), len(names), MOST_SEEDS), np.nan)
    for i, entry in enumerate(shown):
        for k, run in enumerate(entry.ids):
            shares = _shares(record(store, run))
            if set(shares) == set(names):
                cells[i, :, k] = [shares[name] for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a method without such networks is an empty line
        mean, low, high = np.nanmean(cells, axis=2), np.nanmin(cells, axis=2), np.nanmax(cells, axis=2)
    methods = [wrapped(entry.method, NAME_WIDTH) for entry in shown]
    look = {"cmap": "cividis", "vmin": 0, "vmax": 100, "linewidths": 0.6, "linecolor": "white"}
    sns.heatmap(mean, ax=ax, cbar=False, xticklabels=False, yticklabels=methods, **look)
    ax.tick_params(axis="both", length=0, rotation=0)
    for (i, j), value in np.ndenumerate(mean):
        if np.isfinite(value) and len(names) <= _TEXT_COLUMNS:
            spread = f"{low[i, j]:.0f}\u2013{high[i, j]:.0f}" if high[i, j] - low[i, j] >= 0.5 else ""
            cell(ax, (i, j), f"{value:.0f}", spread, "white" if value < _DARK else INK)
