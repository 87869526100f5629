"""Drawing many figures, in two processes where there are two cores."""

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from suite.report.figures.catalogue import PlannedFigure
from suite.report.figures.encoding import ENCODERS
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import StyledFigure

MOST_IN_ONE_PROCESS = 4
"""Figures up to which a second process is not worth its start."""


class EncodedFigure(NamedTuple):
    """A figure's name, title and caption, with an empty figure, and its bytes by format."""

    figure: RenderedFigure
    content: Mapping[str, bytes]


def draw_figures(planned: Sequence[PlannedFigure], formats: Sequence[str]) -> list[EncodedFigure]:
    """Draw figures in every one of `formats`, in their order; the bytes do not depend on the number of processes."""
    draw = partial(_draw_figure, formats=formats)
    # Only a fork starts at once with all that was imported; elsewhere it is not to be had, or not safe.
    if len(planned) <= MOST_IN_ONE_PROCESS or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return list(map(draw, planned))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(draw, planned, chunksize=1)


def _draw_figure(planned: PlannedFigure, formats: Sequence[str]) -> EncodedFigure:
    rendered = planned.draw()
    content = {name: ENCODERS[name](rendered.figure) for name in formats}
    # What was drawn is in the files; its artists would only fill memory, and slow the way between processes.
    return EncodedFigure(dataclasses.replace(rendered, figure=StyledFigure()), content)
