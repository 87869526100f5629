"""Peak activation memory in bytes under TensorFlow Lite Micro's greedy plan.

Buffers are placed by falling size, ties by later first use first, each 16-byte aligned at the lowest offset that is
free while it lives. The plan is not monotone: a smaller network can need more.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from suite.hardware.layers import Network

ALIGNMENT = 16


@dataclass(frozen=True)
class Buffer:
    """A tensor of `size` bytes, alive from operation `first` to operation `last`, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class MemoryPlan:
    """Where the greedy plan puts each of a row of buffers, in bytes.

    `order` is that of placing. `supports[i]` are the buffers at whose end buffer i begins, those that keep it from
    lying lower; none at offset 0. `tops` are the buffers that end at the peak.
    """

    peak: int
    offsets: tuple[int, ...]
    order: tuple[int, ...]
    supports: tuple[tuple[int, ...], ...]
    tops: tuple[int, ...]

    @cached_property
    def slopes(self) -> tuple[float, ...]:
        """d peak / d size of each buffer as long as the plan keeps its shape, alignment ignored.

        The peak is a pile: a top buffer, the one it rests on, and so on to offset 0, each with slope 1. Where several
        buffers end at the peak, or one rests on several, no one of them alone can lower it: they share equally. (The
        mean over the piles; each of them is a subgradient.) Slopes times aligned sizes add up to the peak.
        """
        slopes = [0.0] * len(self.offsets)
        for top in self.tops:
            slopes[top] = 1 / len(self.tops)
        for buffer in reversed(self.order):  # what supports a buffer was placed before it
            for support in self.supports[buffer]:
                slopes[support] += slopes[buffer] / len(self.supports[buffer])
        return tuple(slopes)


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
    return plan_memory(tensors).peak


def plan_memory(tensors: Sequence[Buffer]) -> MemoryPlan:
    """Place `tensors` by the greedy plan."""
    sizes = [aligned(tensor.size) for tensor in tensors]
    order = sorted(range(len(tensors)), key=lambda i: (-sizes[i], -tensors[i].first))
    offsets = [0] * len(tensors)
    supports: list[tuple[int, ...]] = [()] * len(tensors)
    placed: list[tuple[int, int, int]] = []
    for i in order:
        offsets[i], supports[i] = _lowest(tensors, i, sizes[i], placed)
        insort(placed, (offsets[i], offsets[i] + sizes[i], i))
    ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
    peak = max(ends, default=0)
    tops = tuple(i for i, end in enumerate(ends) if end == peak)
    return MemoryPlan(peak, tuple(offsets), tuple(order), tuple(supports), tops)


def _lowest(
    tensors: Sequence[Buffer], i: int, size: int, placed: Sequence[tuple[int, int, int]]
) -> tuple[int, tuple[int, ...]]:
    """The lowest offset where `size` bytes are free while tensor i lives, and the buffers that end there.

    `placed` holds (start, end, tensor) by start.
    """
    offset = 0
    below: tuple[int, ...] = ()
    first, last = tensors[i].first, tensors[i].last
    for start, end, j in placed:
        if tensors[j].last < first or last < tensors[j].first:
            continue
        if start - offset >= size:
            break
        if end > offset:
            offset, below = end, (j,)
        elif end == offset:
            below = (*below, j)
    return offset, below


def aligned(size: int) -> int:
    """`size` rounded up to whole units of the planner."""
    return -(-size // ALIGNMENT) * ALIGNMENT
