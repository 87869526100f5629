"""What each operator of a network takes of flash and of time, beside the reference network's."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from suite.records.store import Store
from suite.report.figures import shown_network
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import add_legend
from suite.report.figures.shown_network import EDGE, ShownNetwork, kind_colour, kind_legend, shown_networks
from suite.report.figures.style import NEUTRAL_COLOUR, new_figure
from suite.report.run_network import Operator
from suite.report.tables.extrapolation import cost_label
from suite.report.tables.text import format_quantity

KIND = "operator_costs"

_REFERENCE: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": NEUTRAL_COLOUR,
    "linestyle": (0, (2, 1.5)),
    "linewidth": 0.9,
}
_TABLES_COLOUR = "#DDDDDD"
"""Of the bytes of an operator that are not weights."""

_UNITS = {"s": ("ms", 1e3), "cycles": ("kcycles", 1e-3)}


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """A page for each budget of which the operators are known."""
    return shown_network.split(page, store, 1)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """Two panels of horizontal bars, a line an operator."""
    (shown,) = shown_networks(page, store)
    operators = shown.network.operators
    figure = new_figure(1.5 + 0.19 * len(operators), page.format)
    flash, latency = figure.subplots(1, 2)
    _draw_flash(flash, shown)
    _draw_latency(latency, shown, page)
    for ax in (flash, latency):
        names = [_row_name(operator) for operator in operators] if ax is flash else [""] * len(operators)
        ax.set_yticks(range(len(operators)), names)
        ax.set_ylim(len(operators) - 0.4, -0.6)
        ax.set_xlim(left=0)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)
        sns.despine(ax=ax, left=True)
    figure.suptitle(shown_network.title(shown, page.format), fontsize="medium", fontweight="bold")
    entries = kind_legend(o.kind for o in operators if o.weights or o.latency)
    entries["biases, scales, tables"] = Patch(facecolor=_TABLES_COLOUR, **EDGE)
    if shown.network.has_reference:
        entries["reference network"] = Patch(**_REFERENCE)
    add_legend(figure, entries)
    return page.render(KIND, figure)


def _row_name(operator: Operator) -> str:
    """The operator's name; that of the input says that its bytes are those of the file as a whole."""
    return f"file, {operator.label}" if operator.kind == "input" else operator.label


def _draw_flash(ax: Axes, shown: ShownNetwork) -> None:
    operators = shown.network.operators
    ax.barh(range(len(operators)), [o.flash / 1024 for o in operators], height=0.62, color=_TABLES_COLOUR, **EDGE)
    _draw_bars(ax, shown, [o.weights / 1024 for o in operators], lambda reference: reference.flash / 1024)
    ax.set_xlabel("flash, kB")
    ax.set_title(_total(shown, "flash", "B"), loc="left", fontsize="small")


def _draw_latency(ax: Axes, shown: ShownNetwork, page: FigurePage) -> None:
    unit = str(shown.run["unit/latency"])
    name, scale = _UNITS.get(unit, (unit, 1.0))
    values = [o.latency * scale for o in shown.network.operators]
    _draw_bars(ax, shown, values, lambda reference: reference.latency * scale)
    ax.set_xlabel(f"{cost_label(page.runs[page.runs['id'] == shown.run['id']], 'latency')}, {name}")
    ax.set_title(_total(shown, "latency", unit), loc="left", fontsize="small")


def _draw_bars(
    ax: Axes, shown: ShownNetwork, values: Sequence[float], of_reference: Callable[[Operator], float]
) -> None:
    """A bar per operator in the colour of its kind, and an outline for its like in the reference network."""
    operators, reference = shown.network.operators, shown.network.reference
    ax.barh(range(len(values)), values, height=0.62, color=[kind_colour(o.kind) for o in operators], **EDGE)
    outlines = {i: of_reference(reference[o.name]) for i, o in enumerate(operators) if o.name in reference}
    positive = {line: value for line, value in outlines.items() if value > 0}
    ax.barh(list(positive), list(positive.values()), height=0.86, **_REFERENCE)


def _total(shown: ShownNetwork, metric: str, unit: str) -> str:
    """The cost of the network and below it the reference network's, so that both fit above half a column."""
    cost, reference = shown.run[f"cost/{metric}"], shown.run[f"reference/{metric}"]
    return f"{format_quantity(cost, unit)}\nreference {format_quantity(reference, unit)}"
