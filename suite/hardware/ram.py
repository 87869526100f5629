"""Peak activation memory in bytes under TensorFlow Lite Micro's greedy plan.

Buffers are placed by falling size, ties by later first use first, each 16-byte aligned at the lowest offset that is
free while it lives. The plan is not monotone: a smaller network can need more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.hardware.layers import Network

ALIGNMENT = 16


@dataclass(frozen=True)
class Buffer:
    """A tensor of `size` bytes, alive from operation `first` to operation `last`, both included."""

    size: int
    first: int
    last: int


def lifetimes(network: Network) -> list[tuple[str, int, int]]:
    """(layer, first, last) of each tensor that the int8 network materialises, in order of creation.

    The input exists from operation 0 and the k-th operation that writes a buffer is operation k; what is fused
    writes its producer's buffer.
    """
    owner: dict[str, str] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    step = 0
    for layer in network.layers:
        if layer.fused:
            owner[layer.name] = owner[layer.inputs[0]]
            continue
        if layer.kind != "input":
            step += 1
        owner[layer.name] = layer.name
        first[layer.name] = last[layer.name] = 0 if layer.kind == "input" else step
        for source in layer.inputs:
            last[owner[source]] = step
    last[owner[network.output.name]] = step
    return [(name, first[name], last[name]) for name in first]


def buffers(network: Network) -> list[Buffer]:
    """The int8 activation tensors of `network`, one byte an element."""
    return [
        Buffer(layer.channels * layer.size[0] * layer.size[1], first, last)
        for name, first, last in lifetimes(network)
        for layer in (network.by_name[name],)
    ]


def peak_bytes(tensors: Sequence[Buffer]) -> int:
    """Bytes from the lowest to the highest address in use when `tensors` are placed by the greedy plan."""
    order = sorted(tensors, key=lambda t: (-_align(t.size), -t.first))
    placed: list[tuple[int, int, Buffer]] = []
    peak = 0
    for tensor in order:
        size = _align(tensor.size)
        offset = 0
        for start, end, other in placed:
            if other.last < tensor.first or tensor.last < other.first:
                continue
            if start - offset >= size:
                break
            offset = max(offset, end)
        placed.append((offset, offset + size, tensor))
        placed.sort(key=lambda p: p[:2])
        peak = max(peak, offset + size)
    return peak


def _align(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
