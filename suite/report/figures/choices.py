"""Which branch was chosen at each position, where a search space has choices of layers."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from suite.records.store import Store
from suite.report.figures.panels import NAME_WIDTH, cell, grid, wrapped
from suite.report.found import Entry, architecture, entries, history, more_seeds, rows_where
from suite.report.sheets import Picture, Sheet, by_methods
from suite.report.style import INK, new_figure

KIND = "choices"

_METHODS = {"paper": 6, "slides": 2}
"""Methods and budgets of one page, a line for each seed."""

_COLOURS = ("#DDDDDD", "#FDD9A0", "#A6CEE3", "#B2DF8A", "#E5B8D8", "#C9C2A5", "#8FB8B0", "#F4A582")
"""Backgrounds of branches, light enough for text; the text tells them apart in grey."""

_CAPTION = (
    "The branch that each run chose at each position of its search space, from input to output, a line per seed. "
    "Below it the probability of the likeliest branch at the last search epoch: near 1 the search had decided, far "
    "from it it had not, and another seed may choose otherwise. Guarantees may have changed a branch after the "
    "search."
)


def split(sheet: Sheet, store: Store) -> Iterator[Sheet]:
    """Pages of the methods whose networks have choices."""
    kept = {(e.row.budget, e.method) for e in entries(sheet) if any(_choices(store, run) for run in e.ids)}
    return by_methods(sheet, rows_where(sheet, kept), _METHODS[sheet.style])


def draw(sheet: Sheet, store: Store) -> Picture:
    """A map per budget: runs by positions."""
    shown = [(entry, {run: found for run in entry.ids if (found := _choices(store, run))}) for entry in entries(sheet)]
    positions = list(dict.fromkeys(p for _, runs in shown for found in runs.values() for p in found))
    branches = sorted({branch for _, runs in shown for found in runs.values() for branch in found.values()})
    lines = [0.2 + 0.36 * sum(len(runs) for entry, runs in shown if entry.row == row) for row in sheet.rows]
    figure = new_figure(0.9 + sum(lines) + 0.28 * len(lines), sheet.style)
    panels = [line[0] for line in grid(figure, [1] * len(lines), lines)]
    for ax, row in zip(panels, sheet.rows, strict=True):
        _panel(ax, [pair for pair in shown if pair[0].row == row], positions, branches, store)
        ax.set_title(f"budget: {row.budget}", loc="left", fontweight="bold")
    panels[-1].set_xticks(np.arange(len(positions)) + 0.5, positions, rotation=0 if len(positions) < 7 else 90)
    return sheet.picture(KIND, "Layer choices", _CAPTION + more_seeds(sheet), figure)


def _choices(store: Store, run: str) -> dict[str, str]:
    """Position -> chosen branch; empty where the run's space has no choices."""
    found: dict[str, str] = (architecture(store, run) or {}).get("choices", {})
    return found


def _panel(
    ax: Axes,
    shown: Sequence[tuple[Entry, dict[str, dict[str, str]]]],
    positions: Sequence[str],
    branches: Sequence[str],
    store: Store,
) -> None:
    names, cells, sure = [], [], []
    for entry, runs in shown:
        seeds = dict(zip(entry.ids, entry.runs["seed"], strict=True))
        for run, found in runs.items():
            names.append(wrapped(f"{entry.method}, seed {seeds[run]}", NAME_WIDTH))
            cells.append([found.get(p, "") for p in positions])
            sure.append(_probabilities(history(store, run), positions))
    numbers = np.array([[branches.index(b) if b else np.nan for b in row] for row in cells], dtype=float)
    colours = ListedColormap([_COLOURS[i % len(_COLOURS)] for i in range(len(branches))])
    look = {"cmap": colours, "vmin": -0.5, "vmax": len(branches) - 0.5, "linewidths": 0.8, "linecolor": "white"}
    sns.heatmap(numbers, ax=ax, cbar=False, xticklabels=False, yticklabels=names, **look)
    ax.tick_params(axis="both", length=0, rotation=0)
    for i, row in enumerate(cells):
        for j, branch in enumerate(row):
            below = f"{sure[i][j]:.2f}" if np.isfinite(sure[i][j]) else ""
            cell(ax, (i, j), branch, below, INK, "small")


def _probabilities(epochs: pd.DataFrame | None, positions: Sequence[str]) -> list[float]:
    """The last known probability of the likeliest branch at each position; NaN where there is none."""
    if epochs is None:
        return [float("nan")] * len(positions)
    columns = [epochs.get(f"probability/{p}", pd.Series(dtype=float)).dropna() for p in positions]
    return [float(column.iloc[-1]) if len(column) else float("nan") for column in columns]
