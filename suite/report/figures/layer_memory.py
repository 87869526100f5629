"""What each layer needs at once, against the device's memory levels, where a method thins layers to fit them."""

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.records.store import Store
from suite.report.figures.panels import grid, legend, marker
from suite.report.found import Entry, architecture, entries, history, history_columns, more_seeds, rows_where
from suite.report.sheets import Picture, Sheet, by_methods
from suite.report.style import LIMIT, NEUTRAL, Look, new_figure
from suite.report.text import quantity

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from torch import nn

KIND = "layer_memory"

_PANELS = {"paper": 3, "slides": 1}
_LEVEL: dict[str, Any] = {"color": LIMIT, "linewidth": 1.2, "zorder": 1}
_SEED: dict[str, Any] = {"color": NEUTRAL, "linestyle": (0, (1, 1.5)), "linewidth": 1.3, "drawstyle": "steps-mid"}
_BEFORE: dict[str, Any] = {
    "marker": "x",
    "markersize": 6,
    "color": "#D55E00",
    "linestyle": "none",
    "markeredgewidth": 1.5,
}

_LEVEL_TEXT: dict[str, Any] = {
    "xycoords": ("axes fraction", "data"),
    "textcoords": "offset points",
    "va": "center",
    "fontsize": "small",
    "color": LIMIT,
}

_MEMORY = "memory/"
"""Prefix of the history's columns with a thinned layer's bytes."""

_OVER = "layers_over/"
"""Prefix of the history's columns that count the layers above a level, whose bytes are the rest of the name."""

_OURS = "suite.models."
"""Networks that may be built from what a record names: records may come from another machine."""

_CAPTION = (
    "Bytes of each layer's input, output and weights at int8, from input to output: what has to be in a memory level "
    "for the layer to run without tiling. Lines are the method's levels; dotted: the seed network; crosses: the "
    "layers that the refinement thins, at the end of its first epoch; filled: the network that was returned; one mark "
    "per seed. A layer that exceeds a level by more than the method's tolerance belongs to the next level and stays "
    "above. Fitting here says nothing of measured latency."
)


def split(sheet: Sheet, store: Store) -> Iterator[Sheet]:
    """Pages of the methods that thin layers to memory levels."""
    kept = {(e.row.budget, e.method) for e in entries(sheet) if any(_is_known(store, run) for run in e.ids)}
    return by_methods(sheet, rows_where(sheet, kept), _PANELS[sheet.style])


def draw(sheet: Sheet, store: Store) -> Picture:
    """A panel per budget and method."""
    shown = list(entries(sheet))
    figure = new_figure(1.9 + 2.3 * len(shown), sheet.style)
    panels = [line[0] for line in grid(figure, [1] * len(shown), [1] * len(shown))]
    for ax, entry in zip(panels, shown, strict=True):
        names = _panel(ax, entry, store, sheet.looks[entry.method])
        ax.set_title(f"{entry.method}, budget: {entry.row.budget}", loc="left", fontweight="bold")
        ax.set_xticks(range(len(names)), names if ax is panels[-1] else [""] * len(names), rotation=90)
    handles: list[Artist] = [Line2D([], [], **_LEVEL), Line2D([], [], **_SEED), Line2D([], [], **_BEFORE)]
    handles.append(Line2D([], [], **marker(sheet.looks[shown[0].method], 5)))
    legend(figure, handles, ["memory level", "seed network", "first epoch of the refinement", "returned network"])
    return sheet.picture(KIND, "Memory of single layers", _CAPTION + more_seeds(sheet), figure)


def _is_known(store: Store, run: str) -> bool:
    """Whether the run thinned layers of a network whose layers can be traced."""
    found = architecture(store, run) if _levels(store, run) else None
    return found is not None and "choices" not in found and str(found["seed"].get("_target_", "")).startswith(_OURS)


def _levels(store: Store, run: str) -> list[float]:
    """The memory levels in bytes that the run's layers were thinned to; none for other methods."""
    return sorted(float(c.removeprefix(_OVER)) for c in history_columns(store, run) if c.startswith(_OVER))


def _panel(ax: Axes, entry: Entry, store: Store, look: Look) -> list[str]:
    """One method's networks; returns the layers' names."""
    names: list[str] = []
    for run in entry.ids:
        found = architecture(store, run)
        try:
            memory = _layer_bytes(found) if found is not None else None
        except (ImportError, KeyError, TypeError, ValueError) as error:
            log.warning("%s: left out of the layers' memory: %s", store.run_folder(run), error)
            memory = None
        if memory is None:
            continue
        names, seed, returned = memory
        before = _first_refined(store, run)
        ax.plot(range(len(names)), seed, **_SEED)
        crosses = [(i, before[name]) for i, name in enumerate(names) if name in before]
        ax.plot([x for x, _ in crosses], [y for _, y in crosses], zorder=3, **_BEFORE)
        ax.plot(range(len(names)), returned, **marker(look, 4.5, zorder=4, alpha=0.75))
    for i, level in enumerate(_levels(store, entry.ids[0]), 1):
        ax.axhline(level, **_LEVEL)
        ax.annotate(f"L{i}\n{level:,.0f} B", (1, level), (3, 0), **_LEVEL_TEXT)
    ax.set_yscale("log", base=4)
    ax.yaxis.set_major_formatter(lambda value, _: quantity(value, "B"))
    ax.set_ylabel("bytes of a layer")
    ax.set_xlim(-0.6, len(names) - 0.4)
    sns.despine(ax=ax)
    return names


def _first_refined(store: Store, run: str) -> dict[str, float]:
    """Layer -> bytes at the end of the refinement's first epoch, for the layers that it thins."""
    epochs = history(store, run)
    if epochs is None:
        return {}
    columns = [column for column in epochs.columns if column.startswith(_MEMORY)]
    first = epochs[columns].dropna(how="all").head(1)
    return {c.removeprefix(_MEMORY): float(first[c].iloc[0]) for c in columns} if len(first) else {}


def _layer_bytes(found: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]] | None:
    """Names of the layers, bytes of the seed's and of the found network's; None where the seed is not the suite's.

    The found network has the seed's layers with fewer channels, and only a trace knows the size of a layer's input.
    """
    from suite.hardware.layer_memory import LayerMemory  # with torch, takes seconds that no other figure needs
    from suite.hardware.trace import trace

    network = _reference_network(found["seed"])
    if network is None:
        return None
    memory = LayerMemory.of(trace(network, tuple(found["input_shape"])))
    layers = {layer["name"]: layer for layer in found["layers"]}
    if set(layers) != set(memory.names):
        return None
    cin, cout = (memory.table.cin.new_tensor([layers[n][end] for n in memory.names]) for end in ("in", "out"))
    seed = memory.bytes(memory.table.cin, memory.table.cout)
    return list(memory.names), seed.tolist(), memory.bytes(cin, cout).tolist()


def _reference_network(config: Mapping[str, Any]) -> "nn.Module | None":
    """The suite's own network of that config; None for any other, of which nothing is imported or called."""
    from torch import nn

    place, _, name = str(config.get("_target_", "")).rpartition(".")
    if not f"{place}.".startswith(_OURS):
        return None
    kind = getattr(import_module(place), name, None)
    is_network = isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == place
    if kind is None or not is_network:
        return None
    network: nn.Module = kind(**{k: v for k, v in config.items() if k != "_target_"})
    return network
