"""A recorded run's network, ready to use: its branches, thinned to the found widths, with its trained weights."""

import json
from pathlib import Path

import torch
from torch import nn

from suite.config import build
from suite.dnas.choices import keep_branches
from suite.dnas.export import slice_channels
from suite.dnas.groups import channel_groups
from suite.errors import SuiteError
from suite.hardware.supernet_graph import trace_supernet
from suite.hardware.trace import trace
from suite.store import load_tensors


def load_network(run_folder: Path) -> nn.Module:
    """The network of results/<experiment>/runs/<id>, in eval mode.

    Raises:
        SuiteError: the folder has no architecture.json or, as records from git, no weights.pt.
    """
    for name in ("architecture.json", "weights.pt"):
        if not (run_folder / name).exists():
            raise SuiteError(f"{run_folder / name}: not there; weights are kept where the run was made, not in git")
    found = json.loads((run_folder / "architecture.json").read_text())
    shape = tuple(found["input_shape"])
    if "choices" in found:
        supernet: nn.Module = build(found["supernet"], "architecture.json: supernet")
        supernet_graph = trace_supernet(supernet, shape)
        selection = tuple(p.branches.index(found["choices"][p.name]) for p in supernet_graph.positions)
        seed = keep_branches(supernet, supernet_graph, selection)
    else:
        seed = build(found["seed"], "architecture.json: seed")
    layers = trace(seed, shape)
    groups = channel_groups(layers)
    kept = []
    for name, size, frozen in zip(groups.names, groups.sizes, groups.frozen, strict=True):
        width = size if frozen else found["widths"][name]
        kept.append(torch.arange(size) < width)  # which ones does not matter: the weights follow
    network = slice_channels(seed, layers, groups, kept)
    network.load_state_dict(load_tensors(run_folder / "weights.pt"))
    return network.eval()
