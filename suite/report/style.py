"""One look for all figures: a colour and a marker per method, and files without dates."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import matplotlib as mpl
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WIDTH = 7.2
"""Width of a figure in inches: a text column on A4."""

DPI = 200

INK = "#222222"
OVER = "#ECECEC"
LIMIT = "#444444"
PHASE_COLOURS = dict(
    zip(
        ("warmup", "search", "finetune", "evaluation"),
        ("#00204D", "#5F6B7A", "#B9AC70", "#FFE945"),
        strict=True,
    )
)
"""Four steps of cividis: apart in hue for the colour-blind, in lightness for a grey print."""

# Okabe and Ito's colours without the yellow, which is lost on white; wine in its place.
_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#000000"),
    *("#7F7F7F", "#A6761D"),
)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "<", "*", ">", "h")
_KNOWN = (
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
)


@dataclass(frozen=True)
class Look:
    """How a method is drawn. The marker alone tells methods apart, for readers without colour."""

    colour: str
    marker: str


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """A look for each method: known ones have the same in every report, others the next free ones by name.

    "hand_tuned (equal length)" looks as hand_tuned does elsewhere; a second variant beside it is drawn apart.
    """
    names = sorted(set(methods))
    places: dict[str, int] = {}
    for name in names:
        base = name.split(" ")[0]
        if base in _KNOWN and _KNOWN.index(base) not in places.values():
            places[name] = _KNOWN.index(base)
    free = (i for i in count() if i not in set(places.values()))
    places |= dict(zip((name for name in names if name not in places), free, strict=False))
    return {m: Look(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]) for m, i in places.items()}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save with the suite's settings, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcParams.update({k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")})
        mpl.rcParams.update(sns.axes_style("ticks"))
        mpl.rcParams.update(
            {
                "font.family": "DejaVu Sans",  # shipped with matplotlib: the same letters on every machine
                "font.size": 8.5,
                "axes.titlesize": 9,
                "axes.labelsize": 8.5,
                "xtick.labelsize": 8,
                "ytick.labelsize": 8,
                "legend.fontsize": 8,
                "legend.frameon": False,
                "axes.grid": True,
                "axes.axisbelow": True,
                "axes.edgecolor": INK,
                "text.color": INK,
                "grid.color": "#D8D8D8",
                "grid.linewidth": 0.6,
                "hatch.linewidth": 0.5,
                "hatch.color": "#CFCFCF",
                "pdf.fonttype": 42,  # journals refuse type 3 fonts
            }
        )
        yield


def new_figure(height: float) -> Figure:
    """An empty figure, `height` inches high, outside pyplot's global state."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours at 200 dots per inch, the same bytes at every run."""
    full = Image.open(io.BytesIO(_save(figure, "png", {"Software": None}))).convert("RGB")
    buffer = io.BytesIO()
    # A palette halves the file, and the page embeds every figure.
    full.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True, dpi=(DPI, DPI))
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF without date or program name, the same bytes at every run."""
    return _save(figure, "pdf", {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None})


def _save(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
