"""How all figures look: a colour and a marker per method, two page formats, and matplotlib's settings."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from suite import SuiteError
from suite.report.grouping import MethodVariant

DPI = 300

_A4_HEIGHT = 297 / 25.4


@dataclass(frozen=True)
class PageFormat:
    """Size and type of a figure: `width` in inches, `font` in points, `lines` of panels at most on one page.

    `aspect` is width over height where the page has a fixed one; otherwise a figure is as high as its content, and its
    pages are divided where it would be higher than A4.
    """

    width: float
    font: float
    lines: int
    aspect: float | None = None

    @property
    def scale(self) -> float:
        """Size of the type over that of the paper's."""
        return self.font / _PAPER_FORMAT.font

    @property
    def height(self) -> float:
        """Height in inches of what a page has room for, at the size of the paper's type."""
        return _A4_HEIGHT if self.aspect is None else self.width / self.aspect / self.scale


_PAPER_FORMAT = PageFormat(width=7.2, font=8.5, lines=4)

PAPER = "paper"
"""The default among the styles of figures."""

PAGE_FORMATS = {PAPER: _PAPER_FORMAT, "slides": PageFormat(width=10.0, font=11.0, lines=1, aspect=16 / 9)}
"""paper: a text column on A4. slides: 16:9, one line of panels a page."""

INK_COLOUR = "#222222"
OVER_BUDGET_COLOUR = "#ECECEC"
LIMIT_COLOUR = "#444444"
NEUTRAL_COLOUR = "#777777"
PHASE_COLOURS = dict(
    zip(
        ("warmup", "search", "finetune", "evaluation"),
        ("#00204D", "#5F6B7A", "#B9AC70", "#FFE945"),
        strict=True,
    )
)
"""Four steps of cividis: apart in hue for the colour-blind, in lightness for a grey print."""

METRIC_LINE_STYLES: dict[str, tuple[str, Any]] = {
    "weights": ("#000000", "-"),
    "weights_full": ("#882255", (0, (1, 1))),
    "flash": ("#E69F00", (0, (8, 2, 2, 2))),
    "macs": ("#0072B2", (0, (1, 1))),
    "ram": ("#009E73", (0, (6, 1.5, 1, 1.5))),
    "latency": ("#D55E00", (0, (4, 1.5))),
    "energy": ("#CC79A7", (0, (3, 1, 1, 1, 1, 1))),
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
    "duccio",
    "hand_tuned",
    "width_scaling",
    "random_search",
    "nsga2",
    "tpe",
    "unconstrained_dnas",
    "prune_to_budget",
    "random",
    "nsga3",
    "duccio_layerwise",
    "taper",
    "duccio_projected",
    "two_budget_scaling",
    "tpe_single",
    "gp_single",
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
    numbers: dict[MethodVariant, int] = {}
    for method in ordered:
        if method.method in KNOWN_METHODS and KNOWN_METHODS.index(method.method) not in numbers.values():
            numbers[method] = KNOWN_METHODS.index(method.method)
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
    """A figure that knows the style that it is to be drawn in."""

    style: str = PAPER


@contextmanager
def drawing_style(style: str = PAPER) -> Iterator[None]:
    """Draw and save with the suite's settings, whatever the user's matplotlibrc says.

    Raises:
        SuiteError: `style` is neither paper nor slides.
    """
    font = page_format(style).font
    with mpl.rc_context():
        mpl.rcParams.update({k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")})
        mpl.rcParams.update(sns.axes_style("ticks"))
        mpl.rcParams.update(
            {
                "font.family": "DejaVu Sans",  # shipped with matplotlib: the same letters on every machine
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
                "text.color": INK_COLOUR,
                "grid.color": "#D8D8D8",
                "grid.linewidth": 0.6,
                "hatch.linewidth": 0.5,
                "hatch.color": "#CFCFCF",
                "pdf.fonttype": 42,  # journals refuse type 3 fonts
            }
        )
        yield


def page_format(style: str) -> PageFormat:
    """The format of that name.

    Raises:
        SuiteError: there is none.
    """
    if style not in PAGE_FORMATS:
        raise SuiteError(f"style={style}: choices are {', '.join(PAGE_FORMATS)}")
    return PAGE_FORMATS[style]


def new_figure(height: float, style: str = PAPER) -> StyledFigure:
    """An empty figure outside pyplot's global state, for a content that on paper is `height` inches high.

    A page of fixed aspect has its usual size, or is enlarged as a whole where the content would not fit.
    """
    page = page_format(style)
    size = (page.width, height * page.scale)
    if page.aspect is not None:
        tall = max(page.width / page.aspect, size[1])
        size = (tall * page.aspect, tall)
    figure = StyledFigure(figsize=size, dpi=DPI, layout="constrained")
    figure.style = style
    FigureCanvasAgg(figure)
    return figure


def freeze_layout(figure: StyledFigure) -> None:
    """Lay the figure out once and for all: every file of it then has the same layout, and costs no further one."""
    with drawing_style(figure.style):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
