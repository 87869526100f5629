"""What a run keeps of its int8 network for figures: the place of each buffer in the arena, the costs of each operator.

Readers need neither the network nor torch.
"""

from typing import Any

from suite.hardware.costs import HardwareModel
from suite.hardware.layers import LayerTable, Network
from suite.hardware.ram import activation_buffers, allocations, plan_memory

_COSTS = ("weights", "flash", "latency")


def memory_node(network: Network) -> list[dict[str, Any]]:
    """Each buffer of the greedy plan: `layer`, `offset` and `bytes`, and the operations `first` to `last` it lives in.

    Operation 0 writes the network's input, operation k is entry k of `operators_node`. Bytes are without the padding to
    16. A layer has several buffers where its kernel asks for some while it runs.
    """
    buffers = activation_buffers(network)
    offsets = plan_memory(buffers).offsets
    return [
        {"layer": a.layer, "offset": offset, "bytes": buffer.size, "first": buffer.first, "last": buffer.last}
        for a, buffer, offset in zip(allocations(network), buffers, offsets, strict=True)
    ]


def operators_node(hardware: HardwareModel, network: Network) -> list[dict[str, Any]]:
    """The network's input and its operators, in order: `name`, `kind`, `weights` and `flash` in bytes, `latency`.

    Latency is in the device's unit, s or cycles. Each column adds up to the network's exact cost.
    """
    table = LayerTable.of(network.parts)
    columns = {m: hardware.per_layer(m, table, table.cin, table.cout).tolist() for m in _COSTS}
    return [
        {"name": layer.name, "kind": layer.kind, **{metric: values[i] for metric, values in columns.items()}}
        for i, layer in enumerate(network.parts)
    ]
