"""Runs of real networks that were never trained, with all that figures of single networks need."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from devices import device
from synthetic import board, make_record
from torch import nn

from suite.hardware.run_nodes import memory_node, operators_node
from suite.hardware.trace import trace
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.space.budget import parse_budget


def write_network(
    store: Store,
    network: nn.Module,
    reference: nn.Module,
    shape: tuple[int, ...],
    budget: dict[str, str],
    **fields: Any,
) -> RunRecord:
    """A run that returned `network`, traced on a Nucleo L4R5ZI; its record has that network's true costs."""
    hardware = device("nucleo_l4r5zi")
    traced, whole = trace(network, shape), trace(reference, shape)
    costs, reference_costs = hardware.exact(traced), hardware.exact(whole)
    limits = parse_budget(budget, reference_costs, hardware.units)
    made = make_record(budget=budget, **fields)
    record = dataclasses.replace(
        made,
        targets=limits.targets,
        units=hardware.units,
        costs=costs,
        reference_costs=reference_costs,
        violations=limits.violations(costs),
        feasible=limits.fits(costs),
        board=board(arena=int(costs["ram"]) + 10_000, flash=int(costs["flash"]), ram=655_360, rom=2_097_152),
    )
    nodes: Mapping[str, Any] = {
        "memory": memory_node(traced),
        "operators": operators_node(hardware, traced),
        "reference_operators": operators_node(hardware, whole),
    }
    store.write(
        record, encode_run_files(architecture={"input_shape": list(shape), "widths": {}, "layers": [], **nodes})
    )
    return record
