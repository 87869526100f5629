"""Drawing many figures as bytes of PNG and PDF files, in two processes where there are two cores.

The bytes hold no dates and no program names, and are the same at every run.
"""

import dataclasses
import io
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from PIL import Image

from suite.report.figures.catalogue import PlannedFigure
from suite.report.figures.pages import RenderedFigure
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
"""Suffix of a file -> what makes its bytes of a figure; the PNG first, for a PDF changes the figure's dots per inch."""


MOST_IN_ONE_PROCESS = 4
"""Figures up to which a second process is not worth its start."""


def draw_figures(planned: Sequence[PlannedFigure], formats: Sequence[str]) -> list[RenderedFigure]:
    """The figures in their order, each with its bytes in every one of `formats` and nothing else of what was drawn; the
    bytes do not depend on the number of processes.
    """
    draw = partial(_draw_figure, formats=formats)
    # Only a fork starts at once with all that was imported; elsewhere it is not to be had, or not safe.
    if len(planned) <= MOST_IN_ONE_PROCESS or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return list(map(draw, planned))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(draw, planned, chunksize=1)


def _draw_figure(planned: PlannedFigure, formats: Sequence[str]) -> RenderedFigure:
    rendered = planned.draw()
    content = {name: ENCODERS[name](rendered.figure) for name in formats}
    # What was drawn is in the files; its artists would only fill memory, and slow the way between processes.
    return dataclasses.replace(rendered, figure=StyledFigure(), content=content)
