"""What each layer needs at once, against the device's memory levels, where a method thins layers to fit them."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite import SuiteError
from suite.records.store import Store
from suite.report.figures.pages import FigurePage, MethodEntry, RenderedFigure, split_by_methods
from suite.report.figures.panels import add_legend, add_panels, marker_options
from suite.report.figures.run_files import read_architecture, read_history, read_history_columns
from suite.report.figures.style import LIMIT_COLOUR, NEUTRAL_COLOUR, MethodStyle, new_figure
from suite.report.tables.text import format_quantity

log = logging.getLogger(__name__)

KIND = "layer_memory"

_PANELS_PER_PAGE = {"paper": 3, "slides": 1}
_LEVEL_LINE: dict[str, Any] = {"color": LIMIT_COLOUR, "linewidth": 1.2, "zorder": 1}
_REFERENCE_LINE: dict[str, Any] = {
    "color": NEUTRAL_COLOUR,
    "linestyle": (0, (1, 1.5)),
    "linewidth": 1.3,
    "drawstyle": "steps-mid",
}
_FIRST_EPOCH_MARK: dict[str, Any] = {
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
    "color": LIMIT_COLOUR,
}

_MEMORY_PREFIX = "memory/"
"""Prefix of the history's columns with a thinned layer's bytes."""

_LAYERS_OVER_PREFIX = "layers_over/"
"""Prefix of the history's columns that count the layers above a level, whose bytes are the rest of the name."""

_MODELS_PACKAGE = "suite.models."
"""Only the suite's own networks are built from what a record names, which may come from another machine."""

_CAPTION = (
    "Bytes of each layer's input, output and weights at int8, from input to output: what has to be in a memory level "
    "for the layer to run without tiling. Lines are the method's levels; dotted: the reference network; crosses: the "
    "layers that the refinement thins, at the end of its first epoch; filled: the network that was returned; one mark "
    "per seed. A layer that exceeds a level by more than the method's tolerance belongs to the next level and stays "
    "above. Fitting here says nothing of measured latency."
)


def split(page: FigurePage, store: Store) -> Iterator[FigurePage]:
    """Pages of the methods that thin layers to memory levels."""
    chosen = [e for e in page.entries() if any(_has_layer_memory(store, run) for run in e.run_ids)]
    return split_by_methods(page, page.rows_with(chosen), _PANELS_PER_PAGE[page.style])


def draw(page: FigurePage, store: Store) -> RenderedFigure:
    """A panel per budget and method."""
    shown = list(page.entries())
    figure = new_figure(1.9 + 2.3 * len(shown), page.style)
    panels = [line[0] for line in add_panels(figure, [1] * len(shown), [1] * len(shown))]
    for ax, entry in zip(panels, shown, strict=True):
        names = _draw_panel(ax, entry, store, page.method_styles[entry.method])
        ax.set_title(f"{entry.method}, budget: {entry.row.budget}", loc="left", fontweight="bold")
        ax.set_xticks(range(len(names)), names if ax is panels[-1] else [""] * len(names), rotation=90)
    returned = marker_options(page.method_styles[shown[0].method], 5)
    entries = {"memory level": _LEVEL_LINE, "reference network": _REFERENCE_LINE, "returned network": returned}
    if any(line.get_marker() == _FIRST_EPOCH_MARK["marker"] for ax in panels for line in ax.lines):
        entries["first epoch of the refinement"] = _FIRST_EPOCH_MARK
    add_legend(figure, [Line2D([], [], **options) for options in entries.values()], list(entries))
    return page.render(KIND, "Memory of single layers", _CAPTION + page.seed_limit_note(), figure)


def _has_layer_memory(store: Store, run: str) -> bool:
    """Whether the run thinned layers of a network whose layers can be traced."""
    architecture = read_architecture(store, run) if _memory_levels(store, run) else None
    if architecture is None or "choices" in architecture:
        return False
    network = architecture.get("reference_network")
    return isinstance(network, dict) and str(network.get("_target_")).startswith(_MODELS_PACKAGE)


def _memory_levels(store: Store, run: str) -> list[float]:
    """The memory levels in bytes that the run's layers were thinned to; none for other methods."""
    return sorted(
        float(c.removeprefix(_LAYERS_OVER_PREFIX))
        for c in read_history_columns(store, run)
        if c.startswith(_LAYERS_OVER_PREFIX)
    )


def _draw_panel(ax: Axes, entry: MethodEntry, store: Store, style: MethodStyle) -> list[str]:
    """One method's networks; returns the layers' names."""
    names: list[str] = []
    for run in entry.run_ids:
        architecture = read_architecture(store, run)
        try:
            memory = _layer_bytes(architecture) if architecture is not None else None
        except (SuiteError, ImportError, KeyError, TypeError, ValueError) as error:
            log.warning("%s: left out of the layers' memory: %s", store.run_folder(run), error)
            memory = None
        if memory is None:
            continue
        names, reference, returned = memory
        first_epoch = _first_epoch_bytes(store, run)
        ax.plot(range(len(names)), reference, **_REFERENCE_LINE)
        crosses = [(i, first_epoch[name]) for i, name in enumerate(names) if name in first_epoch]
        if crosses:
            ax.plot([x for x, _ in crosses], [y for _, y in crosses], zorder=3, **_FIRST_EPOCH_MARK)
        ax.plot(range(len(names)), returned, **marker_options(style, 4.5, zorder=4, alpha=0.75))
    for i, level in enumerate(_memory_levels(store, entry.run_ids[0]), 1):
        ax.axhline(level, **_LEVEL_LINE)
        ax.annotate(f"L{i}\n{level:,.0f} B", (1, level), (3, 0), **_LEVEL_TEXT)
    ax.set_yscale("log", base=4)
    ax.yaxis.set_major_formatter(lambda value, _: format_quantity(value, "B"))
    ax.set_ylabel("bytes of a layer")
    ax.set_xlim(-0.6, len(names) - 0.4)
    sns.despine(ax=ax)
    return names


def _first_epoch_bytes(store: Store, run: str) -> dict[str, float]:
    """Layer -> bytes at the end of the refinement's first epoch, for the layers that it thins."""
    epochs = read_history(store, run)
    if epochs is None:
        return {}
    columns = [column for column in epochs.columns if column.startswith(_MEMORY_PREFIX)]
    first = epochs[columns].dropna(how="all").head(1)
    return {c.removeprefix(_MEMORY_PREFIX): float(first[c].iloc[0]) for c in columns} if len(first) else {}


def _layer_bytes(architecture: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]] | None:
    """Names of the layers, their bytes in the reference and in the returned network; None where these differ in layers.

    The returned network has the reference network's layers with fewer channels, and only a trace knows the size of a
    layer's input.
    """
    from suite.config.build import build_network
    from suite.hardware.layer_memory import LayerMemory  # with torch, takes seconds that no other figure needs
    from suite.hardware.trace import trace

    network = build_network(architecture["reference_network"], "reference_network", trusted=False)
    memory = LayerMemory.of(trace(network, tuple(architecture["input_shape"])))
    layers = {layer["name"]: layer for layer in architecture["layers"]}
    if set(layers) != set(memory.names):
        return None
    cin, cout = (memory.table.cin.new_tensor([layers[n][end] for n in memory.names]) for end in ("in", "out"))
    reference = memory.bytes(memory.table.cin, memory.table.cout)
    return list(memory.names), reference.tolist(), memory.bytes(cin, cout).tolist()
