"""A run's architecture as the page draws it: layers, buffers in the arena, what operators cost."""

import json
from typing import Any

from suite.records.record import RunRecord
from suite.report.run_network import Operator, RunNetwork

_DIGITS = 6


def describe_architecture(content: bytes, record: RunRecord) -> dict[str, Any]:
    """`layers`, `input` shape, chosen branches (`choices`) and `network` of an architecture.json.

    A layer has the reference network's width where a group of channels has its name. `network` is the int8 network's
    `peak` in bytes, `buffers` and `operators`, each with `reference` where the reference network has one of its name;
    older files have none.

    Raises:
        ValueError, KeyError or TypeError: the file is torn or not an architecture.
    """
    architecture = json.loads(content)
    keys = ("name", "kind", "out", "kernel", "stride", "size")
    layers = [
        {key: layer[key] for key in keys} | {"reference": record.reference_widths.get(layer["name"])}
        for layer in architecture["layers"]
    ]
    description: dict[str, Any] = {"input": list(architecture["input_shape"]), "layers": layers}
    if choices := architecture.get("choices"):
        description["choices"] = {str(k): str(v) for k, v in sorted(choices.items())}
    network = RunNetwork.parse(architecture)
    return description if network is None else description | {"network": _describe_network(network)}


def _describe_network(network: RunNetwork) -> dict[str, Any]:
    operators = []
    for operator in network.operators:
        node: dict[str, Any] = {"name": operator.label, "kind": operator.kind, **_costs(operator)}
        reference = network.reference.get(operator.name)
        operators.append(node | ({} if reference is None else {"reference": _costs(reference)}))
    labels = {operator.name: operator.label for operator in network.operators}
    buffers = [
        {"layer": labels.get(b.layer, b.layer), "offset": b.offset, "bytes": b.bytes, "first": b.first, "last": b.last}
        for b in network.buffers
    ]
    return {"peak": network.peak, "operators": operators, "buffers": buffers}


def _costs(operator: Operator) -> dict[str, float]:
    costs = {"weights": operator.weights, "flash": operator.flash, "latency": operator.latency}
    return {name: float(f"{value:.{_DIGITS}g}") for name, value in costs.items()}
