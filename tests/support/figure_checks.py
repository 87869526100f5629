"""What tests of figures share: rendering those of a frame, and checks of what is written and shown in one."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from synthetic import METHODS, make_record

from suite.records.store import Store
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import StyledFigure, drawing_style
from suite.report.grouping import report_frame

NOWHERE = Store(Path("nowhere"), "nothing")
"""A store without a file: no published numbers, no histories."""

MANY = (
    "nsga2",
    "tpe",
    "objective",
    "someone_elses_method_with_a_name_of_more_than_fifty_letters",
)

FOUR_LIMITS = {"weights": "25%", "latency": "50%", "ram": "50%", "macs": "1.5M"}
HARD_BUDGETS: Sequence[dict[str, str]] = ({"weights": "5%"}, FOUR_LIMITS, {}, {"weights": "20kB", "latency": "5ms"})


def hard_case(budgets: Sequence[dict[str, str]] = HARD_BUDGETS) -> pd.DataFrame:
    """Many methods with long names; budgets with no, one and four constraints, and far misses."""
    return report_frame(
        [make_record(method=m, budget=b, seed=s) for m in (*METHODS, *MANY) for b in budgets for s in (0, 1)]
    )


def render_figures(
    df: pd.DataFrame, store: Store = NOWHERE, form: FigureFormat = DEFAULT_FORMAT, kind: str = ""
) -> list[RenderedFigure]:
    """The figures of the frame, all of them or those of one kind."""
    return [figure.draw() for figure in plan_figures(df, store, form, [kind] if kind else [])]


def visible_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that can be seen, with its box in pixels."""
    assert isinstance(figure, StyledFigure)
    with drawing_style(figure.format):
        figure.draw_without_rendering()
    found: list[Text] = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        found += [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]  # type: ignore[attr-defined]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, sorted(ax.get_ylim()))):
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    seen = [t for t in found if t.get_visible() and t.get_text().strip()]
    return [(t.get_text(), t.get_window_extent()) for t in seen]


def check_texts(picture: RenderedFigure) -> None:
    """Assert that no text of the figure overlaps another or leaves the figure."""
    paper = picture.figure.bbox
    found = visible_texts(picture.figure)
    for text, box in found:
        assert Bbox.union([paper, box]).bounds == paper.bounds, (picture.name, text)
    for (one, a), (other, b) in combinations(found, 2):
        assert Bbox.intersection(a.padded(-1), b.padded(-1)) is None, (picture.name, one, other)


def check_panels(picture: RenderedFigure) -> None:
    """Assert that the figure has panels and that each shows something."""
    assert picture.figure.axes
    assert all(ax.lines or ax.patches or ax.collections for ax in picture.figure.axes), picture.name
