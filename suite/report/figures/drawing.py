"""Drawing many figures, in two processes where there are two cores."""

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
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
    # Only a fork starts at once with all that was imported and read; elsewhere it is not to be had, or not safe.
    if len(planned) <= MOST_IN_ONE_PROCESS or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return [_draw_figure(figure, formats) for figure in planned]
    context = multiprocessing.get_context("fork")
    with context.Pool(2, initializer=_remember_arguments, initargs=(planned, formats)) as pool:
        return pool.map(_draw_numbered_figure, range(len(planned)), chunksize=1)


def _draw_figure(planned: PlannedFigure, formats: Sequence[str]) -> EncodedFigure:
    rendered = planned.draw()
    content = {name: ENCODERS[name](rendered.figure) for name in formats}
    # What was drawn is in the files; its artists would only fill memory, and slow the way between processes.
    return EncodedFigure(dataclasses.replace(rendered, name=planned.name, figure=StyledFigure()), content)


_arguments: tuple[Sequence[PlannedFigure], Sequence[str]] = ((), ())


def _remember_arguments(planned: Sequence[PlannedFigure], formats: Sequence[str]) -> None:
    """In a process of the pool: remember what was inherited by the fork, so that nothing need be sent."""
    global _arguments
    _arguments = planned, formats
    if "torch" in sys.modules:  # its threads did not survive the fork, and it would wait for them
        import torch

        torch.set_num_threads(1)


def _draw_numbered_figure(number: int) -> EncodedFigure:
    planned, formats = _arguments
    return _draw_figure(planned[number], formats)
