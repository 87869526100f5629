"""Figures as bytes of PNG and PDF files, without dates and program names: the same at every run."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from PIL import Image

from suite.report.figures.style import DPI, StyledFigure, drawing_style


def encode_png(figure: StyledFigure) -> bytes:
    """The figure as a PNG of 256 colours at 300 dots per inch."""
    canvas = FigureCanvasAgg(figure)
    with drawing_style(figure.format):
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    # A palette halves the file, and the page embeds every figure.
    few = Image.fromarray(pixels).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def encode_pdf(figure: StyledFigure) -> bytes:
    """The figure as a PDF."""
    buffer = io.BytesIO()
    metadata = {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None}
    with drawing_style(figure.format):  # not by savefig, which draws a figure that is laid out once more for nothing
        FigureCanvasPdf(figure).print_pdf(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


ENCODERS: Mapping[str, Callable[[StyledFigure], bytes]] = {"png": encode_png, "pdf": encode_pdf}
"""Suffix of a file -> what makes its bytes of a figure."""
