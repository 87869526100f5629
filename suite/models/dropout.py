"""Dropout whose masks cost little on a CPU."""

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class Dropout(nn.Dropout):
    """As `nn.Dropout`; on a CPU four elements share one 64-bit random number, so `p` is rounded to a 65,536th.

    PyTorch draws one number for each element, one after the other (but on Intel's processors, where MKL does it): a
    fifth of a training step of DS-CNN on an AMD EPYC.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` itself in eval mode; else zero with probability p, and scaled by 1 / (1 - p)."""
        if not self.training or x.device.type != "cpu" or not 0 < self.p < 1:
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.int16)[: x.numel()] >= round(self.p * _LEVELS) - _LEVELS // 2
        scale = torch.empty_like(x)  # dense, and in the memory format of x
        scale.as_strided((x.numel(),), (1,)).copy_(kept).div_(1 - self.p)
        return x * scale
