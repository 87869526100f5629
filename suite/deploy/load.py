"""A recorded run's network, ready to use: its branches, thinned to its recorded widths, with its trained weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from suite import SuiteError
from suite.config.build import build_network
from suite.config.identity import CODE_KEY
from suite.hardware.supernet_graph import trace_supernet
from suite.hardware.trace import trace
from suite.records.tensors import load_tensors
from suite.space.branches import select_branches
from suite.space.groups import channel_groups
from suite.space.slicing import slice_channels


def load_network(run_folder: str | Path, *, trusted: bool = False) -> nn.Module:
    """The network of results/<experiment>/runs/<id>, in eval mode.

    Args:
        run_folder: the run's folder.
        trusted: whether the class that the record names may be one outside the suite, such as a network of your own;
            it is imported and called, so leave it off for records of others.

    Raises:
        SuiteError: the folder has no architecture.json or, as records from git, no weights.pt; or the network's class
            is not the suite's own and not trusted.

    >>> network = load_network("results/quickstart/runs/0f3a...")  # doctest: +SKIP
    """
    folder = Path(run_folder)
    for name in ("architecture.json", "weights.pt"):
        if not (folder / name).exists():
            raise SuiteError(
                f"{folder / name}: not there; weights stay where the run was made, neither git nor an archive has them"
            )
    try:
        return _load(folder, json.loads((folder / "architecture.json").read_text()), trusted)
    except SuiteError:
        raise
    except Exception as error:  # a damaged file of tensors makes torch stumble in any way
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SuiteError(f"{folder}: architecture.json and weights.pt do not make a network ({text})") from error


def _load(folder: Path, architecture: Mapping[str, Any], trusted: bool) -> nn.Module:
    if "operators" not in architecture:
        raise SuiteError(
            f"{folder}: recorded before networks padded as TensorFlow does, so that its weights belong to another "
            "function; make the run again"
        )
    shape = tuple(architecture["input_shape"])
    if "choices" in architecture:
        supernet = _build(architecture, "supernet", trusted)
        graph = trace_supernet(supernet, shape)
        selection = tuple(p.branches.index(architecture["choices"][p.name]) for p in graph.positions)
        full_width = select_branches(supernet, graph, selection)
    else:
        full_width = _build(architecture, "reference_network", trusted)
    layers = trace(full_width, shape)
    groups = channel_groups(layers)
    sizes = zip(groups.names, groups.sizes, groups.frozen, strict=True)
    widths = [size if frozen else architecture["widths"][name] for name, size, frozen in sizes]
    # which channels are open does not matter: the weights follow
    network = slice_channels(full_width, layers, groups, groups.open_first(widths))
    network.load_state_dict(load_tensors(folder / "weights.pt"))
    return network.eval()


def _build(architecture: Mapping[str, Any], key: str, trusted: bool) -> nn.Module:
    """The untrained network of architecture.json's node `key`, which also holds hashes of a user's own network."""
    node = {name: value for name, value in architecture[key].items() if name != CODE_KEY}
    return build_network(node, f"architecture.json: {key}", trusted=trusted)
