"""The memory that TensorFlow Lite Micro takes of a board's RAM: its arena.

head: activations, and what the portable kernels ask for, by the greedy plan: the metric `ram`.
scratch: what the head grows by with CMSIS-NN's kernels, which unroll the input of a convolution (im2col) in 16 bits.
tail: what lives as long as the interpreter: tensors, operators, a multiplier and a shift for each output channel.

Scratch as in ARM-software/CMSIS-NN at 098d54a, Source/ConvolutionFunctions/arm_convolve_get_buffer_sizes_s8.c and
arm_depthwise_conv_get_buffer_sizes_s8.c, Source/PoolingFunctions/arm_avgpool_get_buffer_sizes_s8.c, for cores with the
DSP extension (Cortex-M4, M7, M33). The tail was fitted on interpreters of 64-bit hosts (results/deploy/networks.csv);
pointers of a 32-bit board are half as long, so that it is an upper bound there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from suite.hardware.layers import WEIGHTED, Kind, Layer, Network
from suite.hardware.ram import Buffer, activation_buffers, align, peak_bytes

_INTERPRETER = 700
_OPERATOR: Mapping[Kind, int] = {"conv": 250, "depthwise": 270, "linear": 300, "mean": 430, "flatten": 450}
_OTHER_OPERATOR = 200
_CHANNEL = 8
_RESHAPE = 170
"""The mean of a single channel is flattened by an operator of its own."""


@dataclass(frozen=True)
class Arena:
    """Bytes of each part of the arena."""

    head: int
    scratch: int
    tail: int

    @property
    def total(self) -> int:
        """What the board must have."""
        return self.head + self.scratch + self.tail

    @classmethod
    def of(cls, network: Network) -> "Arena":
        """The arena of a traced network."""
        buffers = activation_buffers(network)
        head = peak_bytes(buffers)
        operations = enumerate(network.operators, 1)  # operation 0 writes the input
        scratch = [Buffer(size, step, step) for step, layer in operations if (size := scratch_bytes(layer))]
        tail = _INTERPRETER + sum(_tail_bytes(layer) for layer in network.operators)
        return cls(head, peak_bytes([*buffers, *scratch]) - head, tail)


def largest_beside_head(network: Network, branch_of: Mapping[str, tuple[int, int]] | None = None) -> int:
    """Bytes by which the arena of a network of a space can exceed its head.

    Tail and scratch of a layer grow with its channels. Scratch may lie above the peak, and leave a gap as large again.

    Args:
        network: the widest one; of a space with layer choices, all branches together.
        branch_of: layer -> (position, branch) of those that belong to a branch: one of each position is there.
    """
    branch_of = branch_of or {}
    fixed, branches = _INTERPRETER + _RESHAPE, dict[tuple[int, int], int]()
    for layer in network.operators:
        if (owner := branch_of.get(layer.name)) is None:
            fixed += _tail_bytes(layer)
        else:
            branches[owner] = branches.get(owner, 0) + _tail_bytes(layer)
    positions = {position for position, _ in branches}
    tail = fixed + sum(max(size for (p, _), size in branches.items() if p == position) for position in positions)
    return tail + 2 * align(max(map(scratch_bytes, network.operators), default=0))


def scratch_bytes(layer: Layer) -> int:
    """What CMSIS-NN's kernel for a layer asks for while it runs; 0 for kernels that ask for nothing."""
    taps = layer.kernel[0] * layer.kernel[1]
    if layer.kind == "average_pool":
        return 4 * layer.channels
    if layer.kind == "depthwise":
        top, _, left, _ = layer.padding
        without = layer.kernel == (3, 3) and max(top, left) <= 1
        return 0 if without else 2 * taps * layer.channels
    if layer.kind == "conv" and layer.in_channels > 1:  # of one channel it becomes depthwise with a multiplier
        unpadded_1x1 = taps == 1 and not any(layer.padding)
        return 0 if unpadded_1x1 else 4 * (-(-taps * layer.in_channels // 4) * 4)
    return 0


def _tail_bytes(layer: Layer) -> int:
    channels = layer.channels if layer.kind in WEIGHTED else 0
    reshape = _RESHAPE if layer.kind == "mean" and layer.channels == 1 else 0
    return _OPERATOR.get(layer.kind, _OTHER_OPERATOR) + _CHANNEL * channels + reshape
