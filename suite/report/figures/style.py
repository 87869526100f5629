"""How all figures look: a colour and a marker per method, and matplotlib's settings."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import matplotlib as mpl
import matplotlib.style
import seaborn as sns
from matplotlib.figure import Figure

from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.grouping import MethodVariant

DPI = 300

INK_COLOUR = "#222222"
OVER_BUDGET_COLOUR = "#ECECEC"
LIMIT_COLOUR = "#444444"
NEUTRAL_COLOUR = "#777777"
PHASE_COLOURS = {"warmup": "#00204D", "search": "#5F6B7A", "finetune": "#B9AC70", "evaluation": "#FFE945"}
"""Four steps of cividis: apart in hue for the colour-blind, in lightness for a grey print."""

METRIC_LINE_STYLES: dict[str, dict[str, Any]] = {
    "weights": {"color": "#000000", "linestyle": "-"},
    "weights_full": {"color": "#882255", "linestyle": (0, (1, 1))},
    "flash": {"color": "#E69F00", "linestyle": (0, (8, 2, 2, 2))},
    "macs": {"color": "#0072B2", "linestyle": (0, (1, 1))},
    "ram": {"color": "#009E73", "linestyle": (0, (6, 1.5, 1, 1.5))},
    "latency": {"color": "#D55E00", "linestyle": (0, (4, 1.5))},
    "energy": {"color": "#CC79A7", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
}
"""Colour and dashes of a metric's line, where a line stands for a metric."""

# Okabe and Ito's colours without the yellow, which is lost on white; more of Tol's in its place, and a pink of
# ColorBrewer's for duccio_projected, which no neighbour in a figure comes near.
_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#000000"),
    *("#7F7F7F", "#A6761D", "#332288", "#999933", "#E7298A", "#AA4499", "#661100", "#117733"),
)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "<", "d", ">", "h", "*", "H", "8", "$\u25e2$")
# A new method goes to the end: its position decides its style, and no method's style may change.
KNOWN_METHODS = (
    *("duccio", "hand_tuned", "width_scaling", "random_search", "nsga2", "tpe", "unconstrained_dnas"),
    *("prune_to_budget", "random", "nsga3", "duccio_layerwise", "taper", "duccio_projected", "two_budget_scaling"),
    *("tpe_single", "gp_single"),
)


@dataclass(frozen=True)
class MethodStyle:
    """How a method is drawn. The marker alone tells methods apart, for readers without colour."""

    colour: str
    marker: str


def method_styles(methods: Iterable[MethodVariant]) -> dict[MethodVariant, MethodStyle]:
    """A style for each method: known ones have the same in every report, others the next free ones in order.

    The first variant of a known method (its default, if that ran) has the method's style; others have free ones.
    """
    ordered = sorted(set(methods))
    first = {method.method: method for method in reversed(ordered)}
    numbers = {m: KNOWN_METHODS.index(m.method) for m in sorted(first.values()) if m.method in KNOWN_METHODS}
    free = (i for i in count() if i not in set(numbers.values()))
    numbers |= dict(zip((method for method in ordered if method not in numbers), free, strict=False))
    return {method: numbered_style(i) for method, i in numbers.items()}


def numbered_style(number: int) -> MethodStyle:
    """The style of that number, from 0; every further round of colours starts one marker later, so that no pair of
    colour and marker comes twice soon.
    """
    marker = _MARKERS[(number + number // len(_COLOURS)) % len(_MARKERS)]
    return MethodStyle(_COLOURS[number % len(_COLOURS)], marker)


class StyledFigure(Figure):
    """A figure that knows the format that it is to be drawn in."""

    format: FigureFormat = DEFAULT_FORMAT


@contextmanager
def drawing_style(form: FigureFormat) -> Iterator[None]:
    """Draw and save with the suite's settings, whatever the user's matplotlibrc says."""
    font = form.font_size
    settings = {
        **sns.axes_style("ticks"),
        "font.family": form.family,
        "font.size": font,
        "axes.titlesize": font + 0.5,
        "axes.labelsize": font,
        "xtick.labelsize": font - 0.5,
        "ytick.labelsize": font - 0.5,
        "legend.fontsize": font - 0.5,
        "legend.frameon": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.edgecolor": INK_COLOUR,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "text.color": INK_COLOUR,
        "grid.color": "#D8D8D8",
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.5,
        "hatch.color": "#CFCFCF",
        "pdf.fonttype": 42,  # journals refuse type 3 fonts
    }
    with mpl.style.context(settings, after_reset=True):
        yield


def new_figure(height: float, form: FigureFormat) -> StyledFigure:
    """An empty figure outside pyplot's global state, for a content that is `height` inches high in the usual type."""
    figure = StyledFigure(figsize=(form.width, height * form.scale), dpi=DPI, layout="constrained")
    figure.format = form
    return figure
