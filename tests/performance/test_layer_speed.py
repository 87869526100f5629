"""Layers that replace PyTorch's own because a training step is faster with them: whole steps, in interleaved pairs.

Processor time on one thread, as in `test_search_step`.
"""

import copy
import time
from functools import partial

import pytest
import torch
from machine import instruction_sets, processor
from pairs import TimePairs, rounds_within
from speed_figures import RecordFigure
from torch import nn
from training_steps import CASES, Step, training_step

from suite.engine.allocator import keep_freed_memory
from suite.models.dropout import Dropout
from suite.models.same_conv import SameConv2d
from suite.task.optimisation import Optimisation

pytestmark = pytest.mark.benchmark(timer=time.process_time)

SECONDS = 8.0


def _steps(name: str, size: int, *networks: nn.Module) -> list[Step]:
    """A bf16 step of each network, all on the same examples."""
    torch.set_num_threads(1)
    keep_freed_memory()
    batch = CASES[name].batch(size)
    return [training_step(network, Optimisation().build(network), batch, "bf16") for network in networks]


def test_dropout_with_shared_random_numbers(time_pairs: TimePairs, figure: RecordFigure) -> None:
    """On an Intel processor MKL draws PyTorch's masks fast, so that ours need only not be slower there."""
    network = CASES["ds_cnn"].network()
    usual = copy.deepcopy(network)
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            usual.set_submodule(name, nn.Dropout(module.p))
    ours, plain = _steps("ds_cnn", 100, network, usual)
    pairs = time_pairs(ours, plain, rounds=rounds_within(SECONDS, plain, ours))
    least = 1.15 if "AMD" in processor() else 0.95
    figure("speed-up of a step of DS-CNN over nn.Dropout", pairs.speed_up, "x", at_least=least)


def test_strided_depthwise_convolutions_in_float32(time_pairs: TimePairs, figure: RecordFigure) -> None:
    """Against bf16 throughout; the goal is for processors that compute in bf16 at all."""
    network = CASES["mobilenet_v1"].network()
    throughout = copy.deepcopy(network)
    for module in throughout.modules():
        if isinstance(module, SameConv2d):
            module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]
    ours, plain = _steps("mobilenet_v1", 32, network, throughout)
    pairs = time_pairs(ours, plain, rounds=rounds_within(SECONDS, plain, ours))
    least = 1.2 if "avx512_bf16" in instruction_sets() else None
    figure("speed-up of a step of MobileNetV1 over bf16", pairs.speed_up, "x", at_least=least)
