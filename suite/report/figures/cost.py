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
from suite.report.figures.pages import BudgetRow, FigurePage, RenderedFigure, split_by_panels
from suite.report.figures.panels import TEXT_BACKGROUND, add_budget_title, add_legend, label_methods, new_stacked_figure
from suite.report.figures.style import INK_COLOUR, PHASE_COLOURS
from suite.report.tables.text import PHASE_LABELS

KIND = "cost"

_AMORTISED: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": INK_COLOUR,
}

_CAPTION = (
    "What one run costs, in standard trainings of the reference network (MACs x samples), by phase and in full: as if "
    "it had been the only run. The diamond is the total with everything that runs share, such as the warm-up, divided "
    "among the runs of this report that used it."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """Pages of all budgets, where any run has its cost."""
    return split_by_panels(page, page.rows if page.runs["trainings"].notna().any() else ())


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """Lines of methods, a panel per budget."""
    figure, panels = new_stacked_figure(page, [(row, 1) for row in page.rows])
    longest = float(page.runs.groupby(["budget", "method"])["trainings"].mean().max())
    for row, (ax,) in zip(page.rows, panels, strict=True):
        _draw_panel(ax, page, row)
        ax.set_xlim(0, longest * 1.15)
        add_budget_title(ax, row.budget)
    panels[-1][0].set_xlabel("standard trainings of the reference network, mean of the runs")
    handles: list[Artist] = [Patch(facecolor=PHASE_COLOURS[p], edgecolor=INK_COLOUR, linewidth=0.5) for p in PHASES]
    handles.append(Line2D([], [], linestyle="none", **_AMORTISED))
    add_legend(figure, handles, [*(PHASE_LABELS[p] for p in PHASES), "amortised total"])
    return page.render(KIND, "Search cost", _CAPTION, figure)


def _draw_panel(ax: Axes, page: FigurePage, row: BudgetRow) -> None:
    columns = [*(f"trainings/{phase}" for phase in PHASES), "trainings", "trainings_amortised"]
    groups = page.runs_at(row.budget).groupby("method")
    means = groups[columns].mean().loc[list(row.methods)].to_numpy(dtype=float)
    for line, (*phases, total, amortised) in enumerate(means):
        start = 0.0
        for phase, width in zip(PHASES, phases, strict=True):
            if width > 0:
                bar: dict[str, Any] = {"color": PHASE_COLOURS[phase], "edgecolor": INK_COLOUR, "linewidth": 0.5}
                ax.barh(line, width, left=start, height=0.62, **bar)
                start += width
        ax.plot(amortised, line, zorder=4, **_AMORTISED)
        label: dict[str, Any] = {"textcoords": "offset points", "va": "center", "bbox": TEXT_BACKGROUND}
        ax.annotate(f"{total:.2f}", (total, line), (8, 0), **label)
    label_methods(ax, row.methods, names=True)
    sns.despine(ax=ax, left=True)
    ax.grid(axis="y", visible=False)
