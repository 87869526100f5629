"""A run's int8 network as the page draws it: its buffers in the arena, and what its operators cost."""

import json
from typing import Any

from suite.records.record import RunRecord
from suite.report.run_network import Operator, RunNetwork

_DIGITS = 6


def network_detail(content: bytes, _: RunRecord) -> dict[str, Any]:
    """`network` with its `peak` in bytes, `buffers` and `operators`, from an architecture.json; empty for older ones.

    An operator has `reference` where the reference network has one of its name.

    Raises:
        ValueError or TypeError: the file is torn, or holds something else than the suite writes.
    """
    network = RunNetwork.parse(json.loads(content))
    if network is None:
        return {}
    operators = []
    for operator in network.operators:
        node: dict[str, Any] = {"name": operator.label, "kind": operator.kind, **_costs(operator)}
        reference = network.reference.get(operator.name)
        operators.append(node | ({} if reference is None else {"reference": _costs(reference)}))
    names = [operator.label for operator in network.operators]
    by_name = {operator.name: label for operator, label in zip(network.operators, names, strict=True)}
    buffers = [
        {"layer": by_name.get(b.layer, b.layer), "offset": b.offset, "bytes": b.bytes, "first": b.first, "last": b.last}
        for b in network.buffers
    ]
    return {"network": {"peak": network.peak, "operators": operators, "buffers": buffers}}


def _costs(operator: Operator) -> dict[str, float]:
    costs = {"weights": operator.weights, "flash": operator.flash, "latency": operator.latency}
    return {name: float(f"{value:.{_DIGITS}g}") for name, value in costs.items()}
