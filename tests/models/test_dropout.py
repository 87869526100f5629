"""Byte dropout is dropout: the right share is zeroed, the mean stays, eval mode changes nothing."""

import pytest
import torch

from suite.models.dropout import ByteDropout


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("p", [0.2, 0.4])
def test_share_and_scale(p: float, memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.ones(20, 16, 25, 5).contiguous(memory_format=memory_format).requires_grad_()
    y = ByteDropout(p)(x)
    zeroed = (y == 0).double().mean()
    assert float(zeroed) == pytest.approx(p, abs=0.01)
    assert float(y.detach().mean()) == pytest.approx(1, abs=0.02)
    assert len(y.unique()) == 2
    y.sum().backward()
    assert torch.equal(x.grad, y), "the gradient passes where the value does"
    assert y.stride() == x.stride()


def test_channels_and_places_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (ByteDropout(0.5)(torch.ones(64, 32, 8, 8)) != 0).double()
    for axes in ((0, 2, 3), (1, 2, 3), (0, 1)):
        assert float((kept.mean(axes) - 0.5).abs().max()) < 0.2


def test_eval_mode_and_zero_change_nothing() -> None:
    x = torch.rand(3, 4)
    assert ByteDropout(0.5).eval()(x) is x
    assert ByteDropout(0.0)(x) is x


def test_the_seed_of_torch_decides() -> None:
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return ByteDropout(0.5)(torch.ones(100))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
