"""RAM over the operators of a network: where each buffer lies in the arena, and for how long."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from suite.records.store import Store
from suite.report.figures import shown_network
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import TEXT_BACKGROUND, add_legend
from suite.report.figures.shown_network import EDGE, ShownNetwork, kind_colour, kind_legend, shown_networks
from suite.report.figures.style import LIMIT_COLOUR, new_figure

KIND = "memory_plan"

_PANELS_PER_PAGE = 2

_LABELS = 5.5
"""Names of operators that an inch has room for, at the usual size of type."""

_HIGHEST_LIMIT = 1.5
"""Limits above so many peaks would flatten the plan: they are named, not drawn."""

_PEAK_LINE: dict[str, Any] = {"color": "#D55E00", "linewidth": 1.4, "linestyle": (0, (4, 1.5)), "zorder": 2.5}
_LIMIT_LINES: dict[str, dict[str, Any]] = {
    "budget": {"color": LIMIT_COLOUR, "linewidth": 1.4},
    "board": {"color": LIMIT_COLOUR, "linewidth": 1.4, "linestyle": (0, (1, 1.5))},
}
_TEXT_PLACES = {"peak": (0.01, "left"), "board": (0.5, "center"), "budget": (0.99, "right")}
"""Where the texts stand in a panel's width, so that those of lines at one height do not meet."""


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the budgets of which a memory plan is known."""
    return shown_network.split(page, store, _PANELS_PER_PAGE)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """A panel per budget."""
    shown = shown_networks(page, store)
    names = [[operator.label for operator in s.network.operators] for s in shown]
    figure = new_figure(0.9 + sum(2.3 + 0.065 * max(map(len, x)) for x in names), page.format)
    drawn: set[str] = set()
    for ax, one, ticks in zip(figure.subplots(len(shown), squeeze=False).flat, shown, names, strict=True):
        drawn |= _draw_panel(ax, one)
        ax.set_title(shown_network.title(one, page.format), loc="left", fontweight="bold")
        every = math.ceil(len(ticks) / (_LABELS * page.format.width / page.format.scale))
        ax.set_xticks(range(0, len(ticks), every), ticks[::every], rotation=90)
    entries = kind_legend(o.kind for s in shown for o in s.network.operators)
    entries["peak"] = Line2D([], [], **_PEAK_LINE)
    entries |= {f"limit of the {name}": Line2D([], [], **line) for name, line in _LIMIT_LINES.items() if name in drawn}
    add_legend(figure, entries)
    return page.render(KIND, figure)


def _draw_panel(ax: Axes, shown: ShownNetwork) -> set[str]:
    """The buffers, the peak and the limits; returns the names of the limits that are drawn as lines."""
    network = shown.network
    scale, unit = (1024, "kB") if network.peak >= 4096 else (1, "B")
    kinds = {operator.name: operator.kind for operator in network.operators}
    for b in network.buffers:
        size = (b.last - b.first + 1, b.bytes / scale)
        colour = kind_colour(kinds.get(b.layer, ""))
        ax.add_patch(Rectangle((b.first - 0.5, b.offset / scale), *size, facecolor=colour, **EDGE))
    limits = _limits(shown)
    lines = {name: limit for name, limit in limits.items() if limit <= _HIGHEST_LIMIT * network.peak}
    ax.axhline(network.peak / scale, **_PEAK_LINE)
    _write(ax, "peak", network.peak / scale, f"peak {network.peak:,} B")
    for name, limit in lines.items():
        ax.axhline(limit / scale, **_LIMIT_LINES[name])
        _write(ax, name, limit / scale, _limit_text(name, limit))
    if above := [_limit_text(name, limit) for name, limit in limits.items() if name not in lines]:
        place: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right", "va": "top", "fontsize": "small"}
        ax.annotate(f"above: {', '.join(above)}", (0.99, 1.0), **place)
    ax.set_xlim(-0.6, len(network.operators) - 0.4)
    ax.set_ylim(0, 1.22 * max([network.peak, *lines.values()]) / scale)
    ax.set_ylabel(f"{unit} of the arena's head")
    ax.grid(axis="x", visible=False)
    sns.despine(ax=ax)
    return set(lines)


def _limits(shown: ShownNetwork) -> dict[str, float]:
    """Bytes that budget and board leave for activations, as far as there are limits."""
    run = shown.run
    beside = run["board/arena"] - shown.network.peak
    known = {"budget": run.get("target/ram", np.nan), "board": run["board/ram_limit"] - beside}
    return {name: float(limit) for name, limit in known.items() if np.isfinite(limit) and limit > 0}


def _limit_text(name: str, limit: float) -> str:
    """The budget is a limit itself; of the board's RAM, what scratch and tail of the arena leave."""
    return f"{name} {'leaves ' if name == 'board' else ''}{limit:,.0f} B"


def _write(ax: Axes, name: str, height: float, text: str) -> None:
    """A line's text above it, at its own place in the width."""
    x, align = _TEXT_PLACES[name]
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    ax.annotate(text, (x, height), (0, 3), ha=align, va="bottom", fontsize="small", bbox=TEXT_BACKGROUND, **place)
