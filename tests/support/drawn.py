"""What tests of figures share: drawing all of a frame's, and the boxes of what is written in one."""

from itertools import combinations
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from suite.records.store import Store
from suite.report.figures import plots
from suite.report.sheets import Picture
from suite.report.style import StyledFigure, styled

NOWHERE = Store(Path("nowhere"), "nothing")
"""A store without a file: no published numbers, no histories."""


def drawn(df: pd.DataFrame, store: Store = NOWHERE, style: str = "paper") -> list[Picture]:
    """All figures of the frame."""
    return [plot.draw() for plot in plots(df, store, style)]


def texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that can be seen, with its box in pixels."""
    assert isinstance(figure, StyledFigure)
    with styled(figure.style):
        figure.draw_without_rendering()
    found: list[Text] = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        found += [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]  # type: ignore[attr-defined]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, sorted(ax.get_ylim()))):
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    seen = [t for t in found if t.get_visible() and t.get_text().strip()]
    return [(t.get_text(), t.get_window_extent()) for t in seen]


def check_texts(picture: Picture) -> None:
    """Assert that no text of the figure overlaps another or leaves the figure."""
    paper = picture.figure.bbox
    found = texts(picture.figure)
    for text, box in found:
        assert Bbox.union([paper, box]).bounds == paper.bounds, (picture.name, text)
    for (one, a), (other, b) in combinations(found, 2):
        assert Bbox.intersection(a.padded(-1), b.padded(-1)) is None, (picture.name, one, other)


def check_panels(picture: Picture) -> None:
    """Assert that the figure has panels and that each shows something."""
    assert picture.figure.axes
    assert all(ax.lines or ax.patches or ax.collections for ax in picture.figure.axes), picture.name
