"""Peak activation memory in bytes under TensorFlow Lite Micro's greedy plan.

The plan (tensorflow/tflite-micro at 8a1225b, tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc) places
buffers by falling size, of equal sizes the one whose use begins later first, each at the lowest 16-byte aligned offset
that is free while it lives. It is not monotone: a smaller network can need more.

Buffers are the activation tensors and what the portable kernels ask for while they run: sums in 32 bits of a mean over
all positions, and two lists of axes (reduce_common.cc there). Optimised kernels ask for more: `suite.hardware.arena`.
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
    """Offsets that the greedy plan gives to a sequence of buffers; buffers are named by their index in it.

    peak: bytes in use, the highest end of a buffer.
    offsets: start of each buffer in bytes.
    order: buffers in the order in which they were placed.
    supports: for each buffer those at whose end it begins, which keep it from lying lower; none at offset 0.
    tops: the buffers that end at the peak.
    """

    peak: int
    offsets: tuple[int, ...]
    order: tuple[int, ...]
    supports: tuple[tuple[int, ...], ...]
    tops: tuple[int, ...]

    @cached_property
    def slopes(self) -> tuple[float, ...]:
        """d peak / d size of each buffer while order, supports and tops stay the same; alignment is ignored.

        A top buffer, the one it rests on, and so on down to offset 0 form a pile: its sizes add up to the peak, so that
        each has slope 1. Where several buffers end at the peak, or one rests on several, none of them alone can lower
        the peak, and they share the slope equally (the mean of the piles' subgradients). Slopes times aligned sizes add
        up to the peak.
        """
        slopes = [0.0] * len(self.offsets)
        for top in self.tops:
            slopes[top] = 1 / len(self.tops)
        for buffer in reversed(self.order):  # what supports a buffer was placed before it
            for support in self.supports[buffer]:
                slopes[support] += slopes[buffer] / len(self.supports[buffer])
        return tuple(slopes)


@dataclass(frozen=True)
class Allocation:
    """A buffer of the int8 network: `per_channel` bytes for each channel of a layer's output, and `constant` bytes.

    It is alive from operation `first` to operation `last`, both included. `layer` names the layer.
    """

    layer: str
    per_channel: int
    constant: int
    first: int
    last: int

    def buffer(self, channels: int) -> Buffer:
        """The buffer where the layer has so many channels."""
        return Buffer(self.per_channel * channels + self.constant, self.first, self.last)


_AXES_BYTES = (16, 8)
"""Of a mean's two lists of axes."""


def allocations(network: Network) -> list[Allocation]:
    """All buffers of the int8 network: activation tensors in order of creation, then what kernels ask for.

    The input exists from operation 0; the k-th layer that writes a buffer is operation k. A fused layer writes into its
    producer's buffer.
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
    area = {name: network.by_name[name].size[0] * network.by_name[name].size[1] for name in first}
    activations = [Allocation(name, area[name], 0, first[name], last[name]) for name in first]
    means = [(x.name, first[x.name]) for x in network.layers if x.kind == "mean"]
    sums = [Allocation(name, 4, 0, operation, operation) for name, operation in means]
    axes = [Allocation(name, 0, size, operation, operation) for name, operation in means for size in _AXES_BYTES]
    return activations + sums + axes


def activation_buffers(network: Network) -> list[Buffer]:
    """The buffers of `network`."""
    return [a.buffer(network.by_name[a.layer].channels) for a in allocations(network)]


def peak_bytes(tensors: Sequence[Buffer]) -> int:
    """Bytes of memory in use when `tensors` are placed by the greedy plan."""
    return plan_memory(tensors).peak


def plan_memory(tensors: Sequence[Buffer]) -> MemoryPlan:
    """Place `tensors` by the greedy plan."""
    sizes = [align(tensor.size) for tensor in tensors]
    order = sorted(range(len(tensors)), key=lambda i: (-sizes[i], -tensors[i].first))
    offsets = [0] * len(tensors)
    supports: list[tuple[int, ...]] = [()] * len(tensors)
    placed: list[tuple[int, int, int]] = []
    for i in order:
        offsets[i], supports[i] = _lowest_free_offset(tensors, i, sizes[i], placed)
        insort(placed, (offsets[i], offsets[i] + sizes[i], i))
    ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
    peak = max(ends, default=0)
    tops = tuple(i for i, end in enumerate(ends) if end == peak)
    return MemoryPlan(peak, tuple(offsets), tuple(order), tuple(supports), tops)


def _lowest_free_offset(
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


def align(size: int) -> int:
    """`size` in bytes, rounded up to a multiple of 16."""
    return -(-size // ALIGNMENT) * ALIGNMENT
