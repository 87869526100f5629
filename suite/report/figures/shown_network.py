"""Which network stands for a budget in figures of single networks, and how its operators are drawn."""

import logging
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.patches import Patch

from suite.records.store import Store
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import BudgetRow, FigurePage, split_by_methods
from suite.report.figures.panels import fits_budget_and_board
from suite.report.figures.run_files import read_architecture
from suite.report.figures.style import INK_COLOUR
from suite.report.run_network import RunNetwork

log = logging.getLogger(__name__)

_MOST_TRIED = 5
"""Runs of a budget that are looked at, best first; of older runs none has what these figures need."""

KIND_COLOURS = {"conv": "#0072B2", "depthwise": "#56B4E9", "linear": "#D55E00", "add": "#009E73", "input": "#7F7F7F"}
OTHER_COLOUR = "#E69F00"
"""Of operators without weights: pooling, mean, padding."""

EDGE: dict[str, Any] = {"edgecolor": INK_COLOUR, "linewidth": 0.5}


class ShownNetwork(NamedTuple):
    """A run, its row of the frame, and its network."""

    run: pd.Series
    network: RunNetwork


def split(page: FigurePage, store: Store, most: int) -> Iterator[FigurePage]:
    """Pages of `most` budgets of which a network is known, each row with that network's method alone."""
    rows = []
    for row in page.rows:
        if (shown := shown_network(page, row, store)) is not None:
            rows.append(row._replace(methods=(shown.run["method"],)))
    return split_by_methods(page, rows, most)


def shown_network(page: FigurePage, row: BudgetRow, store: Store) -> ShownNetwork | None:
    """The network that stands for a budget of the page, of the row's methods; None where none can be read."""
    runs = page.runs_at(row.budget)
    runs = runs[runs["method"].isin(row.methods)]
    order = np.lexsort(
        (
            runs["id"].to_numpy(dtype=str),
            -runs["validation_score"].fillna(-np.inf).to_numpy(dtype=float),
            ~fits_budget_and_board(runs).to_numpy(),
        )
    )
    for at in order[:_MOST_TRIED]:
        run = runs.iloc[at]
        architecture = read_architecture(store, str(run["id"])) or {}
        try:
            network = RunNetwork.parse(architecture)
        except ValueError as error:
            log.warning("%s: left out of the figures: %s", store.run_folder(str(run["id"])), error)
            continue
        if network is not None and network.buffers:
            return ShownNetwork(run, network)
    return None


def shown_networks(page: FigurePage, store: Store) -> list[ShownNetwork]:
    """The networks of a page of `split`, one for each row."""
    found = (shown_network(page, row, store) for row in page.rows)
    return [shown for shown in found if shown is not None]


def title(shown: ShownNetwork, form: FigureFormat) -> str:
    """What a panel shows."""
    text = f"{shown.run['method']}, budget: {shown.run['budget']}, seed {shown.run['seed']}"
    return textwrap.fill(text, form.characters(0.7))


def kind_colour(kind: str) -> str:
    """The colour of an operator and of the buffer that it writes."""
    return KIND_COLOURS.get(kind, OTHER_COLOUR)


def kind_legend(kinds: Iterable[str]) -> dict[str, Artist]:
    """The legend of the kinds that are shown: label -> artist."""
    shown = set(kinds)
    entries: dict[str, Artist] = {k: Patch(facecolor=c, **EDGE) for k, c in KIND_COLOURS.items() if k in shown}
    if others := sorted(kind.replace("_", " ") for kind in shown - set(KIND_COLOURS)):
        entries[", ".join(others)] = Patch(facecolor=OTHER_COLOUR, **EDGE)
    return entries
