"""Figures as bytes of PNG, PDF and SVG files, without dates and program names: the same at every run."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from PIL import Image

from suite.report.figures.format import DEFAULT_FORMAT
from suite.report.figures.style import DPI, StyledFigure, drawing_style


def encode_png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours at 300 dots per inch."""
    canvas = FigureCanvasAgg(figure)
    with _style_of_figure(figure):
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    # A palette halves the file, and the page embeds every figure.
    few = Image.fromarray(pixels).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def encode_pdf(figure: Figure) -> bytes:
    """The figure as a PDF."""
    buffer = io.BytesIO()
    metadata = {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None}
    with _style_of_figure(figure):  # not by savefig, which draws a figure that is laid out once more for nothing
        FigureCanvasPdf(figure).print_pdf(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def encode_svg(figure: Figure) -> bytes:
    """The figure as an SVG with letters as outlines."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with _style_of_figure(figure), mpl.rc_context({"svg.hashsalt": "suite", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _style_of_figure(figure: Figure) -> Iterator[None]:
    with drawing_style(figure.format if isinstance(figure, StyledFigure) else DEFAULT_FORMAT):
        yield


ENCODERS: Mapping[str, Callable[[Figure], bytes]] = {"png": encode_png, "pdf": encode_pdf, "svg": encode_svg}
"""Suffix of a file -> what makes its bytes of a figure."""
