"""What several figures are made of: grids of panels, legends, marks, lines of methods."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from suite.report.figures.format import FigureFormat
from suite.report.figures.style import INK_COLOUR, NEUTRAL_COLOUR, MethodStyle, StyledFigure

GREY_STYLE = MethodStyle(NEUTRAL_COLOUR, "o")
"""The style of a legend's marks that stand for no method in particular."""

REFERENCE_LINE: dict[str, Any] = {"color": INK_COLOUR, "linestyle": (0, (1, 1.5)), "linewidth": 1.3, "zorder": 1}
"""The line of the reference network's score."""

TEXT_BACKGROUND: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Behind a number, so that no grid line crosses it."""

NAME_WIDTH = 20
"""Characters of a method's name in one line beside a panel."""


def add_panels(figure: Figure, columns: Sequence[int]) -> list[list[Axes]]:
    """Equally high lines of axes, `columns[i]` in line i; the last of a line takes what room is left."""
    most = max(columns)
    cells = figure.add_gridspec(len(columns), most)
    return [
        [figure.add_subplot(cells[i, j : most if j == n - 1 else j + 1]) for j in range(n)]
        for i, n in enumerate(columns)
    ]


def wrap_label(label: str, width: int) -> str:
    """The label in at most four lines of `width` characters."""
    return "\n".join(textwrap.wrap(label, width, max_lines=4, placeholder=" …"))


def add_legend(figure: StyledFigure, entries: Mapping[str, Artist]) -> None:
    """A legend below the panels, label -> artist, with as many columns as its longest label allows."""
    room = figure.format.characters()
    lines = [wrap_label(label, min(48, room - 8)) for label in entries]
    longest = max(len(line) for label in lines for line in label.splitlines())
    columns = max(1, min(3, len(entries), room // (longest + 7)))
    figure.legend(list(entries.values()), lines, loc="outside lower center", ncols=columns, handlelength=1.8)


def legend_mark(style: MethodStyle, size: float, hollow: bool = False, **more: Any) -> Line2D:
    """A legend's line with the mark of `marker_options`."""
    return Line2D([], [], **marker_options(style, size, hollow, **more))


def marker_options(style: MethodStyle, size: float, hollow: bool = False, **more: Any) -> dict[str, Any]:
    """A method's mark, `size` points wide, white inside where `hollow`; keywords of a line."""
    return {
        "marker": style.marker,
        "markersize": size,
        "markeredgecolor": style.colour,
        "markerfacecolor": "white" if hollow else style.colour,
        "linestyle": "none",
        **more,
    }


def fits_budget_and_board(runs: pd.DataFrame) -> pd.Series:
    """Which runs are within their budget and not known to exceed the board, bool (N,)."""
    return runs["feasible"].astype(bool) & runs["board_fits"].ne(False)


def add_budget_title(ax: Axes, budget: str, form: FigureFormat) -> None:
    """The budget above the first panel of a line."""
    ax.set_title(textwrap.fill(f"budget: {budget}", form.characters(0.5 if form.narrow else 0.62)))


def padded_limits(values: ArrayLike, share: float, least: float) -> tuple[float, float]:
    """Limits around the finite values, wider by `share` of their range, or by `least` where that is more."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low, high = float(finite.min()), float(finite.max())
    pad = max(share * (high - low), least)
    return low - pad, high + pad
