"""The average of weights against PyTorch's own."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from suite.task.weight_average import WeightAverage


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def _change(network: nn.Module) -> None:
    network(torch.randn(8, 3, 4, 4))  # batch norm's statistics
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))


def _floats(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if value.is_floating_point()}


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_to_the_bit_what_pytorch_averages(decay: float) -> None:
    network = _network()
    ours = WeightAverage(network, decay)
    rule = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    theirs = AveragedModel(network, multi_avg_fn=rule, use_buffers=True)
    for _ in range(5):
        _change(network)
        ours.update()
        theirs.update_parameters(network)
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        expected = _floats(theirs.state_dict())
        assert len(expected) == 8
        for name, value in _floats(ours.state_dict()).items():
            assert torch.equal(value, expected[name]), name


def test_it_goes_on_from_its_state() -> None:
    network = _network()
    average = WeightAverage(network, 0.5)
    _change(network)
    average.update()
    resumed = WeightAverage(_network(), 0.5)
    resumed.load_state_dict(copy.deepcopy(average.state_dict()))
    assert int(resumed.n_averaged) == 1
    resumed.update()  # a second update mixes, the first would have copied
    fresh = resumed.module.state_dict()["3.weight"]
    assert torch.allclose(fresh, (network.state_dict()["3.weight"] + _network().state_dict()["3.weight"]) / 2)


def test_it_follows_weights_that_were_loaded_into_the_network() -> None:
    network = _network()
    average = WeightAverage(network, 0.5)
    _change(network)
    network.load_state_dict({name: torch.zeros_like(value) for name, value in network.state_dict().items()})
    average.update()
    assert not any(value.any() for value in _floats(average.module.state_dict()).values())
