"""The figures of the report, drawn from the frame and, where they show networks or epochs, from the runs' files.

Each is drawn only when asked for: `plots` lists them, `Plot.draw` makes one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from suite.records.store import Store
from suite.report.figures import (
    attainment,
    choices,
    cost,
    hypervolume,
    layer_memory,
    profiles,
    ranks,
    score,
    sensitivity,
    trajectories,
    violations,
    widths,
)
from suite.report.sheets import Picture, Sheet, sheets, sheets_across
from suite.report.style import styled

log = logging.getLogger(__name__)

MOST_PLOTS = 48
"""Figures of one report: nobody looks at more."""

MANY_RUNS, FEWER_PLOTS = 2_000, 6
"""From so many runs on a figure takes seconds to draw: a report has the first ones, `--figure` draws any other."""

Draw = Callable[[Sheet, Store], Picture]
Split = Callable[[Sheet, Store], Iterator[Sheet]]

_KINDS: tuple[tuple[str, Split, Draw], ...] = (
    (score.KIND, score.split, score.draw),
    (violations.KIND, violations.split, violations.draw),
    (cost.KIND, cost.split, cost.draw),
    (hypervolume.KIND, hypervolume.split, hypervolume.draw),
    (attainment.KIND, attainment.split, attainment.draw),
    (trajectories.KIND, trajectories.split, trajectories.draw),
    (widths.KIND, widths.split, widths.draw),
    (choices.KIND, choices.split, choices.draw),
    (layer_memory.KIND, layer_memory.split, layer_memory.draw),
    (sensitivity.KIND, sensitivity.split, sensitivity.draw),
)
"""Name of a kind of figure, what divides a sheet into its pages (none where it has no data), and what draws one."""

_KINDS_ACROSS: tuple[tuple[str, Split, Draw], ...] = (
    (profiles.KIND, profiles.split, profiles.draw),
    (ranks.KIND, ranks.split, ranks.draw),
)
"""The same for figures of several benchmarks at once."""


@dataclass(frozen=True)
class Plot:
    """A figure to be drawn; `name` is its file's, without suffix. It can be pickled, to be drawn by another process."""

    name: str
    draw: Callable[[], Picture]


def plots(df: pd.DataFrame, store: Store, style: str = "paper", names: Collection[str] = ()) -> list[Plot]:
    """The figures that the finished runs of `df` have data for; none is drawn yet.

    At most `MOST_PLOTS`, of many runs `FEWER_PLOTS`: the first page of each comes before any second one; what is left
    out is logged. With `names` those figures alone, as far as there are any, and no others are looked for.

    Raises:
        SuiteError: `style` is neither paper nor slides.
    """
    found: list[tuple[Sheet, Plot]] = []
    for group, kinds in ((sheets(df, style), _KINDS), (sheets_across(df, style), _KINDS_ACROSS)):
        for sheet in group:
            for kind, split, draw in kinds:
                if names and not any(name.startswith(sheet.name(kind)) for name in names):
                    continue
                found += [(page, _plot(kind, draw, page, store)) for page in split(sheet, store)]
    found = _named_apart(found)
    if names:
        return [plot for _, plot in found if plot.name in names]
    most = MOST_PLOTS if len(df) < MANY_RUNS else FEWER_PLOTS
    order = sorted(range(len(found)), key=lambda i: found[i][0].part)
    if dropped := [found[i][1].name for i in order[most:]]:
        log.warning("%d of %d figures are drawn, left out: %s", most, len(found), ", ".join(dropped))
    return [found[i][1] for i in sorted(order[:most])]


def _named_apart(found: Sequence[tuple[Sheet, Plot]]) -> list[tuple[Sheet, Plot]]:
    """Plots of places whose names are the same as file names, told apart by a digest of the place."""
    uses = Counter(plot.name for _, plot in found)
    named = [plot.name if uses[plot.name] == 1 else f"{plot.name}_{page.digest}" for page, plot in found]
    return [(page, replace(plot, name=name)) for (page, plot), name in zip(found, named, strict=True)]


def _plot(kind: str, draw: Draw, page: Sheet, store: Store) -> Plot:
    return Plot(page.name(kind), partial(_drawn, draw, page, store))


def _drawn(draw: Draw, page: Sheet, store: Store) -> Picture:
    with styled(page.style):
        return draw(page, store)
