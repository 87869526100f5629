"""Networks of the kinds that people bring, in the interpreter: its memory and the file are what the suite says."""

import pytest
import torch
from architectures import ARCHITECTURES, input_shape
from devices import device
from networks import randomise
from torch import nn

from suite.deploy.convert import channels_last, convert
from suite.deploy.micro import run_micro

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_ram_is_the_interpreters_and_flash_within_two_percent(architecture: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network, shape = randomise(architecture()).eval(), input_shape(architecture)
    content = convert(network, torch.randn(32, *shape))
    costs = device("nucleo_l4r5zi").measure(network, shape)
    run = run_micro(content, channels_last(torch.zeros(1, *shape, dtype=torch.int8)).numpy())
    assert run.head == costs["ram"]
    assert costs["flash"] == pytest.approx(len(content), rel=0.02)
    assert max(run.differences) <= 1
