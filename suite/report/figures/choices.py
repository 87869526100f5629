"""Which branch was chosen at each position, where a search space has choices of layers."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from suite.records.store import Store
from suite.report.figures.pages import FigurePage, MethodEntry, RenderedFigure, split_by_methods
from suite.report.figures.panels import NAME_WIDTH, add_budget_title, add_cell_text, add_panels, wrap_label
from suite.report.figures.run_files import read_architecture, read_history
from suite.report.figures.style import INK_COLOUR, new_figure

KIND = "choices"

_METHODS_PER_PAGE = 6
"""Methods and budgets of one page, a line for each seed."""

_COLOURS = ("#DDDDDD", "#FDD9A0", "#A6CEE3", "#B2DF8A", "#E5B8D8", "#C9C2A5", "#8FB8B0", "#F4A582")
"""Backgrounds of branches, light enough for text; the text tells them apart in grey."""

_CAPTION = (
    "The branch that each run chose at each position of its search space, from input to output, a line per seed. "
    "Below it the probability of the likeliest branch at the last search epoch: near 1 the search had decided, far "
    "from it it had not, and another seed may choose otherwise. A projection may have changed a branch after the "
    "search."
)


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the methods whose networks have choices."""
    chosen = [e for e in page.entries() if any(_read_choices(store, run) for run in e.run_ids)]
    return split_by_methods(page, page.rows_with(chosen), _METHODS_PER_PAGE)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """A map per budget: runs by positions."""
    shown = [
        (entry, {run: choices for run in entry.run_ids if (choices := _read_choices(store, run))})
        for entry in page.entries()
    ]
    positions = list(dict.fromkeys(p for _, runs in shown for choices in runs.values() for p in choices))
    branches = sorted({branch for _, runs in shown for choices in runs.values() for branch in choices.values()})
    name = max(wrap_label(f"{entry.method}, seed 0", NAME_WIDTH).count("\n") for entry, _ in shown)
    lines = [
        0.2 + max(0.36, 0.2 + 0.13 * name) * sum(len(runs) for entry, runs in shown if entry.row == row)
        for row in page.rows
    ]
    figure = new_figure(0.9 + sum(lines) + 0.28 * len(lines), page.format)
    panels = [line[0] for line in add_panels(figure, [1] * len(lines), lines)]
    for ax, row in zip(panels, page.rows, strict=True):
        _draw_panel(ax, [pair for pair in shown if pair[0].row == row], positions, branches, store)
        add_budget_title(ax, row.budget, page.format)
    panels[-1].set_xticks(np.arange(len(positions)) + 0.5, positions, rotation=0 if len(positions) < 7 else 90)
    return page.render(KIND, "Layer choices", _CAPTION + page.seed_limit_note(), figure)


def _read_choices(store: Store, run: str) -> dict[str, str]:
    """Position -> chosen branch; empty where the run's space has no choices."""
    choices: dict[str, str] = (read_architecture(store, run) or {}).get("choices", {})
    return choices


def _draw_panel(
    ax: Axes,
    shown: Sequence[tuple[MethodEntry, dict[str, dict[str, str]]]],
    positions: Sequence[str],
    branches: Sequence[str],
    store: Store,
) -> None:
    names, cells, sure = [], [], []
    for entry, runs in shown:
        seeds = dict(zip(entry.run_ids, entry.runs["seed"], strict=True))
        for run, choices in runs.items():
            names.append(wrap_label(f"{entry.method}, seed {seeds[run]}", NAME_WIDTH))
            cells.append([choices.get(p, "") for p in positions])
            sure.append(_last_probabilities(read_history(store, run), positions))
    numbers = np.array([[branches.index(b) if b else np.nan for b in row] for row in cells], dtype=float)
    colours = ListedColormap([_COLOURS[i % len(_COLOURS)] for i in range(len(branches))])
    options = {"cmap": colours, "vmin": -0.5, "vmax": len(branches) - 0.5, "linewidths": 0.8, "linecolor": "white"}
    sns.heatmap(numbers, ax=ax, cbar=False, xticklabels=False, yticklabels=names, **options)
    ax.tick_params(axis="both", length=0, rotation=0)
    for i, row in enumerate(cells):
        for j, branch in enumerate(row):
            below = f"{sure[i][j]:.2f}" if np.isfinite(sure[i][j]) else ""
            add_cell_text(ax, (i, j), branch, below, INK_COLOUR, "small")


def _last_probabilities(epochs: pd.DataFrame | None, positions: Sequence[str]) -> list[float]:
    """The last known probability of the likeliest branch at each position; NaN where there is none."""
    if epochs is None:
        return [float("nan")] * len(positions)
    columns = [epochs.get(f"probability/{p}", pd.Series(dtype=float)).dropna() for p in positions]
    return [float(column.iloc[-1]) if len(column) else float("nan") for column in columns]
