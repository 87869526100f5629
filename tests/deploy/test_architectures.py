"""Networks of the kinds that people bring, in the interpreter: its memory and the file are what the suite says."""

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, SequenceNet, input_shape
from devices import device
from networks import randomise
from torch import nn

from suite.deploy.convert import convert
from suite.deploy.micro import run_micro

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a is not SequenceNet])
def test_ram_is_the_interpreters_and_flash_within_two_percent(architecture: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network, (channels, *size) = randomise(architecture()).eval(), input_shape(architecture)
    content = convert(network, torch.randn(32, channels, *size))
    costs = device("nucleo_l4r5zi").measure(network, (channels, *size))
    run = run_micro(content, np.zeros((1, *size, channels), np.int8))
    assert run.head == costs["ram"]
    assert costs["flash"] == pytest.approx(len(content), rel=0.02)
    assert max(run.differences) <= 1
