"""What each operator of a network takes of flash and of time, beside the reference network's."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from suite.records.store import Store
from suite.report.figures import shown_network
from suite.report.figures.fit import cost_label
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import add_legend, add_panels
from suite.report.figures.shown_network import EDGE, ShownNetwork, kind_colour, kind_legend, shown_networks
from suite.report.figures.style import NEUTRAL_COLOUR, new_figure
from suite.report.run_network import Operator
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

_CAPTION = (
    "Flash and time of each operator of the int8 network, from input to output. Left: bytes of the .tflite file, in "
    "colour the weights, in grey biases, scales and the file's tables. Right: latency by the device's model; operators "
    "that it leaves out have none. Dashed outlines: the reference network, where it has an operator of that name."
)


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """A page for each budget of which the operators are known."""
    return shown_network.split(page, store, 1)


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """Two panels of horizontal bars, a line an operator."""
    (shown,) = shown_networks(page, store)
    operators = shown.network.operators
    figure = new_figure(1.5 + 0.19 * len(operators), page.format)
    ((flash, latency),) = add_panels(figure, [2], [1])
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
    kinds, labels = kind_legend(o.kind for o in operators if o.weights or o.latency)
    handles: list[Artist] = [*kinds, Patch(facecolor=_TABLES_COLOUR, **EDGE)]
    labels = [*labels, "biases, scales, tables"]
    if shown.network.has_reference:
        handles.append(Patch(**_REFERENCE))
        labels.append("reference network")
    add_legend(figure, handles, labels)
    return page.render(KIND, "Flash and latency by operator", f"{_CAPTION} {shown_network.ABOUT_SHOWN}", figure)


def _row_name(operator: Operator) -> str:
    """The operator's name; that of the input says that its bytes are those of the file as a whole."""
    return f"file, {operator.label}" if operator.kind == "input" else operator.label


def _draw_flash(ax: Axes, shown: ShownNetwork) -> None:
    network = shown.network
    weights = np.array([o.weights for o in network.operators]) / 1024
    flash = np.array([o.flash for o in network.operators]) / 1024
    lines = np.arange(len(flash))
    ax.barh(lines, flash, height=0.62, color=_TABLES_COLOUR, **EDGE)
    ax.barh(lines, weights, height=0.62, color=[kind_colour(o.kind) for o in network.operators], **EDGE)
    _draw_reference(ax, [network.reference[o.name].flash / 1024 if o.name in network.reference else 0.0
                         for o in network.operators])  # fmt: skip
    ax.set_xlabel("flash, kB")
    ax.set_title(_total(shown, "flash", "B"), loc="left", fontsize="small")


def _draw_latency(ax: Axes, shown: ShownNetwork, page: FigurePage) -> None:
    network, unit = shown.network, str(shown.run["unit/latency"])
    name, scale = _UNITS.get(unit, (unit, 1.0))
    values = np.array([o.latency for o in network.operators]) * scale
    colours = [kind_colour(o.kind) for o in network.operators]
    ax.barh(np.arange(len(values)), values, height=0.62, color=colours, **EDGE)
    _draw_reference(ax, [network.reference[o.name].latency * scale if o.name in network.reference else 0.0
                         for o in network.operators])  # fmt: skip
    ax.set_xlabel(f"{cost_label(page.runs[page.runs['id'] == shown.run['id']], 'latency')}, {name}")
    ax.set_title(_total(shown, "latency", unit), loc="left", fontsize="small")


def _draw_reference(ax: Axes, values: Sequence[float]) -> None:
    lines = [line for line, value in enumerate(values) if value > 0]
    ax.barh(lines, [values[line] for line in lines], height=0.86, **_REFERENCE)


def _total(shown: ShownNetwork, metric: str, unit: str) -> str:
    """The cost of the network and below it the reference network's, so that both fit above half a column."""
    cost, reference = shown.run[f"cost/{metric}"], shown.run[f"reference/{metric}"]
    return f"{format_quantity(cost, unit)}\nreference {format_quantity(reference, unit)}"
