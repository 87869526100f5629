"""How methods that train one candidate after another get better: best validation score so far against cost."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from suite.records.record import PHASES
from suite.records.store import Store
from suite.report.figures.pages import MOST_LINES, FigurePage, RenderedFigure, in_lines, split_rows
from suite.report.figures.panels import (
    GREY_STYLE,
    add_budget_title,
    add_panels,
    fits_budget_and_board,
    legend_mark,
    marker_options,
    padded_limits,
)
from suite.report.figures.run_files import read_history
from suite.report.figures.style import new_figure
from suite.report.grouping import MethodVariant
from suite.report.statistics.intervals import Floats
from suite.report.tables.text import score_label

KIND = "best_so_far"

MOST_METHODS = 6
"""Methods of one panel: those with a curve first, each group in the order of the main table."""

_TRIAL = "trial-"
"""How the label of a history begins where candidates are trained one after another."""


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the budgets at which a method trained one candidate after another."""
    samplers = {(e.row.budget, e.method) for e in page.entries() if _curve(e.runs, store) is not None}
    rows = []
    for row in page.rows:
        curves = tuple(method for method in row.methods if (row.budget, method) in samplers)
        if curves:
            marks = tuple(method for method in row.methods if method not in curves)
            rows.append(row._replace(methods=(curves + marks)[:MOST_METHODS]))
    yield from split_rows(page, rows, MOST_LINES * page.format.panels, lambda _: 1)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """A panel per budget."""
    lines = in_lines(page.rows, page.format.panels)
    figure = new_figure(0.9 + 0.1 * len(page.methods) + 2.5 * len(lines), page.format)
    runs = {(entry.row.budget, entry.method): entry.runs for entry in page.entries()}
    for rows, axes in zip(lines, add_panels(figure, [len(line) for line in lines]), strict=True):
        for row, ax in zip(rows, axes, strict=True):
            for method in row.methods:
                _draw_method(ax, page, method, runs[row.budget, method], store)
            add_budget_title(ax, row.budget, page.format)
            _set_limits(ax)
            ax.set_xlabel("standard trainings")
        axes[0].set_ylabel(f"best validation {score_label(str(page.runs['selection_name'].iloc[0])) or 'score'}")
    entries: dict[str, Artist] = {str(m): legend_mark(page.method_styles[m], 6) for m in page.methods}
    entries["hollow: some runs miss the budget or the board"] = legend_mark(GREY_STYLE, 6, hollow=True)
    return page.render(KIND, figure, entries, page.seed_limit_note())


def _set_limits(ax: Axes) -> None:
    """From no cost on, and up from the lowest of marks and curves, of these in the second half of their cost."""
    heights = [y[-1 - len(y) // 2 :] for y in (np.asarray(line.get_ydata(), dtype=float) for line in ax.lines)]
    ax.set_xlim(left=0)
    ax.set_ylim(*padded_limits(np.concatenate(heights), 0.12, 0.005))


def _draw_method(ax: Axes, page: FigurePage, method: MethodVariant, runs: pd.DataFrame, store: Store) -> None:
    style, curve = page.method_styles[method], _curve(runs, store)
    if curve is None:
        mark = marker_options(style, 6, not fits_budget_and_board(runs).all(), zorder=4)
        ax.plot(runs["trainings"].mean(), runs["validation_score"].mean(), **mark)
        return
    cost, best = curve
    ax.fill_between(cost, best.min(axis=0), best.max(axis=0), step="post", color=style.colour, alpha=0.15, linewidth=0)
    every = {"markevery": max(1, len(cost) // 5)}
    options = marker_options(style, 5) | {"linestyle": "-", "color": style.colour, "drawstyle": "steps-post"} | every
    ax.plot(cost, best.mean(axis=0), linewidth=1.4, zorder=3, **options)


def _curve(runs: pd.DataFrame, store: Store) -> tuple[Floats, Floats] | None:
    """Costs (N,) in standard trainings and the best score so far (S, N) of S seeds, from where all have one."""
    curves = [_best_so_far(run, store) for _, run in runs.iterrows()]
    known: Sequence[tuple[Floats, Floats]] = [curve for curve in curves if curve is not None and len(curve[0])]
    if not known:
        return None
    start, end = max(cost[0] for cost, _ in known), max(cost[-1] for cost, _ in known)
    at = np.unique(np.concatenate([[start, end], *(cost for cost, _ in known)]))
    at = at[at >= start]
    return at, np.array([best[np.searchsorted(cost, at, side="right") - 1] for cost, best in known])


def _best_so_far(run: pd.Series, store: Store) -> tuple[Floats, Floats] | None:
    """Cost so far and best feasible score so far, (N,) each, of a run that trained candidates; None for others."""
    epochs = read_history(store, str(run["id"]))
    if epochs is None or not {"label", "phase", "epoch", "score"} <= set(epochs):
        return None
    epochs = epochs[epochs["epoch"] >= 0].reset_index(drop=True)
    if not epochs["label"].str.startswith(_TRIAL).any():
        return None
    macs = epochs["cost/macs"] if "cost/macs" in epochs else pd.Series(1.0, index=epochs.index)
    weight = macs.fillna(1.0)
    share = weight / weight.groupby(epochs["phase"]).transform("sum")
    phases = {phase: float(run[f"trainings/{phase}"]) for phase in PHASES}
    cost = (share * epochs["phase"].map(phases) + phases["evaluation"] / len(epochs)).cumsum()
    best = epochs["score"].where(_is_feasible(run, epochs)).cummax().ffill()
    return cost[best.notna()].to_numpy(dtype=float), best.dropna().to_numpy(dtype=float)


def _is_feasible(run: pd.Series, epochs: pd.DataFrame) -> pd.Series:
    """Which epochs trained a network that meets the budget: by its costs, or where these are not recorded, if the
    returned network does; never those of the warm-up, whose network is the reference.
    """
    targets = {f"cost/{name.removeprefix('target/')}": run[name] for name in run.index if name.startswith("target/")}
    limited = [name for name, target in targets.items() if name in epochs and np.isfinite(target)]
    known = epochs[limited].notna().all(axis=1) & bool(limited)
    within = (epochs[limited] <= [targets[name] for name in limited]).all(axis=1)
    return within.where(known, bool(run["feasible"])) & (epochs["phase"] != "warmup")
