"""Convolutions padded as TensorFlow's "same": where the padding is odd, the larger part lies at the bottom and right.

PyTorch pads on both sides alike, so that a convolution of stride 2 sees other pixels, and a converter has to put an
operator of its own with a buffer of its own before it. MLPerf Tiny's networks are TensorFlow's.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros (before, after) along one axis, so that the output has ceil(size / stride) positions.

    As ComputePaddingWithOffset in tensorflow/lite/kernels/padding.h.

    Example: `same_padding(32, 3, 2)` is (0, 1), and `same_padding(49, 10, 2)` is (4, 5).
    """
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def same_padding_2d(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)
) -> tuple[int, int, int, int]:
    """Zeros (top, bottom, left, right) by `same_padding` of both axes; each argument is (vertical, horizontal)."""
    vertical, horizontal = (same_padding(*axis) for axis in zip(size, kernel, stride, dilation, strict=True))
    return vertical + horizontal


class SameConv2d(nn.Conv2d):
    """(N, cin, H, W) -> (N, cout, ceil(H/stride), ceil(W/stride)), zeros around as TensorFlow places them.

    Takes the arguments of `nn.Conv2d`, of which `padding` must stay 0.

    On a CPU a depthwise convolution with a stride is computed in float32, also under bf16 autocast: oneDNN has no fast
    bf16 kernel for its gradients, and with them a step of MobileNet takes twice as long (AMD EPYC, torch 2.13).
    """

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of (N, cin, H, W)."""
        if self.groups > 1 and max(self.stride) > 1 and torch.is_autocast_enabled("cpu") and not input.is_cuda:
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)

    def padding_for(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Zeros (top, bottom, left, right) around a map of this size."""
        return same_padding_2d((height, width), self.kernel_size, self.stride, self.dilation)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        top, bottom, left, right = self.padding_for(*input.shape[-2:])
        if (top, left) == (bottom, right):  # spares a copy of the map
            return F.conv2d(input, weight, bias, self.stride, (top, left), self.dilation, self.groups)
        padded = F.pad(input, (left, right, top, bottom))
        return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
