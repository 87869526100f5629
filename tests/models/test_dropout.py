"""Dropout: the law of `nn.Dropout`, in every memory format."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.dropout import Dropout
from suite.models.ds_cnn import DsCnn
from suite.models.supernets import DsCnnChoices

SHAPE = (64, 8, 25, 5)


def _ones(channels_last: bool, dtype: torch.dtype = torch.float32) -> Tensor:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.ones(SHAPE, dtype=dtype).contiguous(memory_format=layout)


@pytest.mark.parametrize("p", [0.2, 0.4, 0.9])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_share_p_is_zero_and_the_rest_is_scaled(p: float, channels_last: bool) -> None:
    torch.manual_seed(0)
    x = _ones(channels_last)
    y = Dropout(p)(x)

    assert y.stride() == x.stride()
    assert y.unique().tolist() == pytest.approx([0, 1 / (1 - p)])
    deviation = (p * (1 - p) / y.numel()) ** 0.5
    assert float((y == 0).float().mean()) == pytest.approx(p, abs=4 * deviation)


def test_elements_are_independent() -> None:
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(_ones(True)) == 0).double().permute(0, 2, 3, 1).flatten()
    for lag in (1, 2, 3, 4, 8, 125):  # four neighbours share a random number
        correlation = torch.corrcoef(torch.stack([dropped[lag:], dropped[:-lag]]))[0, 1]
        assert abs(float(correlation)) < 4 / len(dropped) ** 0.5


def test_gradients_pass_where_values_did() -> None:
    torch.manual_seed(0)
    x = _ones(True).requires_grad_()
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_the_random_seed_decides_and_the_type_is_kept() -> None:
    drawn = []
    for dtype in (torch.float32, torch.float32, torch.bfloat16):
        torch.manual_seed(3)
        drawn.append(Dropout(0.4)(_ones(True, dtype)))
    assert torch.equal(drawn[0], drawn[1])
    assert drawn[2].dtype == torch.bfloat16
    assert torch.equal(drawn[0] == 0, drawn[2] == 0)


def test_nothing_is_dropped_in_eval_mode_or_at_zero_and_all_at_one() -> None:
    x = torch.randn(SHAPE)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()


def test_tensors_with_gaps_and_odd_sizes() -> None:
    torch.manual_seed(0)
    x = torch.ones(3, 10, 7)[:, ::2]
    assert not x.is_contiguous()
    y = Dropout(0.5)(x)
    assert y.shape == x.shape
    assert set(y.unique().tolist()) == {0.0, 2.0}


def test_it_is_the_suites_networks_dropout() -> None:
    for network in (DsCnn(), DsCnnChoices()):
        layers = [m for m in network.modules() if isinstance(m, nn.Dropout)]
        assert [(type(m), m.p) for m in layers] == [(Dropout, 0.2), (Dropout, 0.4)]


def test_its_mean_over_many_draws_is_its_input() -> None:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 256).expand(4000, 256)
    ours, torchs = Dropout(0.4)(x).mean(0), F.dropout(x, 0.4).mean(0)
    assert float((ours - x[0]).abs().max()) < 2 * float((torchs - x[0]).abs().max())
