"""Figures as files: formats, and drawing many of them in two processes."""

import dataclasses
import io
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from suite.report.figures import Plot
from suite.report.sheets import Picture
from suite.report.style import StyledFigure, pdf, png, styled

_FEW = 4
"""Figures up to which a second process is not worth its start."""


def svg(figure: Figure) -> bytes:
    """The figure as an SVG with letters as outlines, without date or program name, the same bytes at every run."""
    buffer = io.BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    style = figure.style if isinstance(figure, StyledFigure) else "paper"
    with styled(style), mpl.rc_context({"svg.hashsalt": "suite", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


WRITERS: Mapping[str, Callable[[Figure], bytes]] = {"png": png, "pdf": pdf, "svg": svg}
"""Suffix of a file -> what makes its bytes of a figure."""


class Drawn(NamedTuple):
    """A figure's name, title and caption, with an empty figure, and its bytes by format."""

    picture: Picture
    files: Mapping[str, bytes]


def draw_all(plots: Sequence[Plot], formats: Sequence[str]) -> list[Drawn]:
    """Draw `plots` in every one of `formats`, in their order; many of them in two processes where there are two cores.

    The bytes do not depend on the number of processes.
    """
    # Only a fork starts at once with all that was imported and read; elsewhere it is not to be had, or not safe.
    if len(plots) <= _FEW or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return [_drawn(plot, formats) for plot in plots]
    context = multiprocessing.get_context("fork")
    with context.Pool(2, initializer=_begin, initargs=(plots, formats)) as pool:
        return pool.map(_drawn_at, range(len(plots)), chunksize=1)


def _drawn(plot: Plot, formats: Sequence[str]) -> Drawn:
    picture = plot.draw()
    files = {name: WRITERS[name](picture.figure) for name in formats}
    # What was drawn is in the files; its artists would only fill memory, and slow the way between processes.
    return Drawn(dataclasses.replace(picture, name=plot.name, figure=StyledFigure()), files)


_inherited: tuple[Sequence[Plot], Sequence[str]] = ((), ())


def _begin(plots: Sequence[Plot], formats: Sequence[str]) -> None:
    """In a process of the pool: remember what was inherited, so that nothing need be sent."""
    global _inherited
    _inherited = plots, formats
    if "torch" in sys.modules:  # its threads did not survive the fork, and it would wait for them
        import torch

        torch.set_num_threads(1)


def _drawn_at(place: int) -> Drawn:
    plots, formats = _inherited
    return _drawn(plots[place], formats)
