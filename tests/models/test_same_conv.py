"""Number formats of padded convolutions."""

import pytest
import torch
from torch import Tensor

from suite.models.same_conv import SameConv2d


def _gradient(conv: SameConv2d, x: Tensor, dtype: torch.dtype | None) -> tuple[Tensor, Tensor]:
    conv.zero_grad()
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        y = conv(x)
    y.float().square().sum().backward()
    assert conv.weight.grad is not None
    return y.detach(), conv.weight.grad.clone()


def test_depthwise_convolutions_with_a_stride_are_computed_in_float32() -> None:
    torch.manual_seed(0)
    conv, x = SameConv2d(8, 8, 3, 2, groups=8), torch.randn(4, 8, 12, 12)
    _, gradient = _gradient(conv, x, None)
    under_autocast, its_gradient = _gradient(conv, x.bfloat16(), torch.bfloat16)

    assert under_autocast.dtype == torch.float32
    exact, its_exact_gradient = _gradient(conv, x.bfloat16().float(), None)
    assert torch.equal(under_autocast, exact)
    assert torch.equal(its_gradient, its_exact_gradient)
    assert torch.allclose(its_gradient, gradient, rtol=0.05, atol=0.05 * float(gradient.abs().max()))


@pytest.mark.parametrize(("stride", "groups"), [(1, 8), (2, 1), (1, 1)])
def test_others_follow_autocast(stride: int, groups: int) -> None:
    y, _ = _gradient(SameConv2d(8, 8, 3, stride, groups=groups), torch.randn(4, 8, 12, 12), torch.bfloat16)
    assert y.dtype == torch.bfloat16
