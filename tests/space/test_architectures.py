"""Networks of the kinds that people bring: searched = exported, costs and runs from end to end."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, CLASSES, MobileNetV3, SequenceNet, input_shape
from devices import device
from masked_networks import export
from networks import randomise
from torch import nn

from suite.cli.main import main
from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.records.store import Store
from suite.space.width_space import WidthSpace

BUDGETS = "budget={{weights:60%,latency:70%}},{{ram:{ram}}},{{flash:70%}}"
LEAST_RAM = {MobileNetV3: "98%"}  # its peak is at the input, which no search changes

BENCHMARK = """
_target_: suite.benchmarks.base.Classification
name: own
title: random examples
input_shape: {shape}
chance: 0.25
data: {{pack: {pack}, folder: null, download: true}}
network: {{_target_: architectures.{network}}}
recipe: {{epochs: 2, batch: 32, mask_lr: 0.02}}
presets: {{smoke: {{}}}}
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("seed", range(3))
def test_the_exported_network_is_the_searched_one(architecture: type[nn.Module], seed: int) -> None:
    torch.manual_seed(seed)
    network, shape = randomise(architecture()), input_shape(architecture)
    layers = trace(network, shape)
    space = WidthSpace(layers, device("nucleo_l4r5zi"))
    masked = MaskedNetwork(copy.deepcopy(network), layers, space.groups)
    with torch.no_grad():
        masked.masks.alpha.copy_(torch.rand_like(masked.masks.alpha))
    exported, x = export(masked).eval(), torch.randn(5, *shape)
    torch.testing.assert_close(exported(x), masked.eval()(x), rtol=1e-5, atol=1e-6)
    assert masked.widths() != space.full
    assert space.hardware.measure(exported, shape) == space.exact(masked.widths())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_run_fits_each_of_three_budgets(
    architecture: type[nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shape = input_shape(architecture)
    write_pack(Path("own.npz"), shape, np.int16 if architecture is SequenceNet else np.uint8)
    Path("mine/benchmark").mkdir(parents=True)
    text = BENCHMARK.format(shape=list(shape), pack="own.npz", network=architecture.__name__)
    Path("mine/benchmark/own.yaml").write_text(text)
    run = ["run", "-m", "--config-dir", "mine", "benchmark=own", "preset=smoke", "threads=1"]
    run.append(BUDGETS.format(ram=LEAST_RAM.get(architecture, "80%")))
    assert main(run) == 0
    records = Store(Path("results"), "default").records()
    assert len(records) == 3
    assert all(record.feasible for record in records)


def write_pack(path: Path, shape: tuple[int, ...], dtype: type) -> None:
    """120 examples of four classes, which differ in their brightness."""
    y = np.arange(120) % CLASSES
    noise = np.random.default_rng(0).integers(0, 100, (120, *shape))
    x = (noise + 40 * y.reshape(-1, *(1,) * len(shape))).astype(dtype)
    meta = {"format": "pack-1", "benchmark": "own", "title": "random", "source": "random", "licence": "CC0"}
    split = np.repeat([0, 1, 2], 40).astype(np.uint8)
    np.savez(path, x=x, y=y, split=split, meta=json.dumps(meta | {"classes": list("abcd")}))
