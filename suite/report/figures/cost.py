"""What a run of each method costs, by phase."""

from collections.abc import Iterator
from typing import Any

import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from suite.records.record import PHASES
from suite.records.store import Store
from suite.report.figures.panels import PLATE, legend, method_axis, stacked, title
from suite.report.sheets import Picture, Row, Sheet, by_panels
from suite.report.style import INK, PHASE_COLOURS
from suite.report.text import PHASE_NAMES

KIND = "cost"

_AMORTISED: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
}

_CAPTION = (
    "What one run costs, in standard trainings of the seed network (MACs x samples), by phase and in full: as if it "
    "had been the only run. The diamond is the total with everything that runs share, such as the warm-up, divided "
    "among the runs of this report that used it."
)


def split(sheet: Sheet, _: Store) -> Iterator[Sheet]:
    """Pages of all budgets, where any run has its cost."""
    return by_panels(sheet, sheet.rows if sheet.runs["trainings"].notna().any() else ())


def draw(sheet: Sheet, _: Store) -> Picture:
    """Lines of methods, a panel per budget."""
    figure, panels = stacked(sheet, [(row, 1) for row in sheet.rows])
    longest = float(sheet.runs.groupby(["budget", "method"])["trainings"].mean().max())
    for row, (ax,) in zip(sheet.rows, panels, strict=True):
        _panel(ax, sheet, row)
        ax.set_xlim(0, longest * 1.15)
        title(ax, row.budget)
    panels[-1][0].set_xlabel("standard trainings of the seed network, mean of the runs")
    handles: list[Artist] = [Patch(facecolor=PHASE_COLOURS[p], edgecolor=INK, linewidth=0.5) for p in PHASES]
    handles.append(Line2D([], [], linestyle="none", **_AMORTISED))
    legend(figure, handles, [*(PHASE_NAMES[p] for p in PHASES), "amortised total"])
    return sheet.picture(KIND, "Search cost", _CAPTION, figure)


def _panel(ax: Axes, sheet: Sheet, row: Row) -> None:
    columns = [*(f"trainings/{phase}" for phase in PHASES), "trainings", "trainings_amortised"]
    groups = sheet.at(row.budget).groupby("method")
    means = groups[columns].mean().loc[list(row.methods)].to_numpy(dtype=float)
    for place, (*phases, total, amortised) in enumerate(means):
        start = 0.0
        for phase, width in zip(PHASES, phases, strict=True):
            if width > 0:
                bar: dict[str, Any] = {"color": PHASE_COLOURS[phase], "edgecolor": INK, "linewidth": 0.5}
                ax.barh(place, width, left=start, height=0.62, **bar)
                start += width
        ax.plot(amortised, place, zorder=4, **_AMORTISED)
        label: dict[str, Any] = {"textcoords": "offset points", "va": "center", "bbox": PLATE}
        ax.annotate(f"{total:.2f}", (total, place), (8, 0), **label)
    method_axis(ax, row.methods, names=True)
    sns.despine(ax=ax, left=True)
    ax.grid(axis="y", visible=False)
