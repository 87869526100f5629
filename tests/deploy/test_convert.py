"""Conversion to int8: what comes out computes the same, small, and refuses by name what has no kernel."""

import numpy as np
import pytest
import torch
from sampled_networks import randomise
from torch import Tensor, nn

from suite import SuiteError
from suite.deploy.convert import channels_first, channels_last, convert
from suite.deploy.micro import run_micro
from suite.deploy.reference import Int8Network, Quantisation, ReferenceInterpreter
from suite.models.resnet8 import ResNet8


def _network() -> nn.Module:
    network = ResNet8(1, 10, 8)
    randomise(network, torch.Generator().manual_seed(0))
    return network.eval()


def test_layouts_are_each_others_inverse() -> None:
    for shape in ((2, 3, 4, 5), (2, 3)):
        x = torch.randn(shape)
        assert torch.equal(channels_first(channels_last(x)), x)
    assert channels_last(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)
    assert channels_last(torch.zeros(2, 3, 4)).shape == (2, 1, 4, 3), "a sequence is an image of height 1"


def test_values_are_rounded_and_clipped() -> None:
    quantisation = Quantisation(0.5, -10)
    q = quantisation.quantise(torch.tensor([0.0, 0.6, 1000.0, -1000.0]))
    assert q.tolist() == [-10, -9, 127, -128]
    assert quantisation.dequantise(q).tolist() == [0.0, 0.5, 68.5, -59.0]


@pytest.mark.deploy
def test_the_int8_network_computes_what_the_float_network_does() -> None:
    network, examples = _network(), torch.randn(64, 1, 8, 8)
    content = convert(network, examples)
    with torch.no_grad():
        expected, actual = network(examples), Int8Network(ReferenceInterpreter(content))(examples)
    assert (expected - actual).abs().mean() < 0.05 * expected.abs().mean()
    assert torch.corrcoef(torch.stack([expected.flatten(), actual.flatten()]))[0, 1] > 0.99


@pytest.mark.deploy
def test_a_constant_activation_does_not_break_the_interpreter() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2)).eval()
    with torch.no_grad():
        network[0].bias.fill_(-100)  # every ReLU is dead
    content = convert(network, torch.randn(8, 1, 8, 8))
    assert run_micro(content, np.zeros((2, 8, 8, 1), np.int8)).outputs.shape == (2, 2)


@pytest.mark.deploy
def test_an_operator_without_an_int8_kernel_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(), nn.AdaptiveAvgPool2d(1)).eval()
    with pytest.raises(SuiteError, match=r"Sequential has operators without an int8 kernel: LEAKY_RELU"):
        convert(network, torch.randn(8, 1, 8, 8))


@pytest.mark.deploy
def test_what_the_converter_does_not_know_is_named() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.eigvals(x[0]).real

    with pytest.raises(SuiteError, match=r"network Net cannot be converted to int8: .*eig"):
        convert(Net(), torch.randn(8, 4, 4))


@pytest.mark.deploy
def test_the_micro_interpreter_refuses_with_its_own_words() -> None:
    with pytest.raises(SuiteError, match="TensorFlow Lite Micro cannot run the network"):
        run_micro(b"TFL3 is not what this file is", np.zeros((1, 8, 8, 1), np.int8))


@pytest.mark.deploy
def test_compaction_changes_no_output_and_drops_names() -> None:
    from ai_edge_litert import schema_py_generated as schema

    from suite.deploy import flatbuffer

    network, examples = _network(), torch.randn(16, 1, 8, 8)
    kept: list[bytes] = []
    original = flatbuffer.compact
    try:
        flatbuffer.compact = lambda content: kept.append(content) or content  # type: ignore[func-returns-value]
        whole = convert(network, examples)
    finally:
        flatbuffer.compact = original
    small = original(whole)
    inputs = ReferenceInterpreter(whole).input.quantise(channels_last(examples))
    outputs = [np.stack([ReferenceInterpreter(c).invoke(x) for x in inputs]) for c in (whole, small)]
    assert np.array_equal(*outputs)
    assert len(small) < 0.9 * len(whole)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(small, 0))
    assert all(tensor.name is None for tensor in model.subgraphs[0].tensors)
    assert model.metadata is None


@pytest.mark.deploy
def test_constants_lie_at_sixteen_bytes() -> None:
    from ai_edge_litert import schema_py_generated as schema

    content = convert(_network(), torch.randn(8, 1, 8, 8))
    model = schema.Model.GetRootAs(content, 0)
    starts = []
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength():
            starts.append(buffer._tab.Vector(buffer._tab.Offset(4)))
    assert len(starts) > 10
    assert all(start % 16 == 0 for start in starts)
