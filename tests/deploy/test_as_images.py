"""Networks as the converter takes them: they compute the same, and sequences have no tensor of three axes left."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from architectures import ARCHITECTURES, input_shape
from networks import randomise
from torch import Tensor, nn
from torch.fx.passes.shape_prop import ShapeProp

from suite.deploy.as_images import as_image_network
from suite.hardware.trace import trace


class _Joined(nn.Module):
    """Two convolutions of one sequence, joined by an axis that is counted from the end."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.last = nn.Conv1d(3, 4, 1), nn.Conv1d(3, 4, 1), nn.Conv1d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([self.a(x), self.b(x)], dim=-2)).mean(-1)


class _After(nn.Module):
    """An operation between convolutions of sequences (N, 3, 16), then `view`."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.operation = nn.Conv1d(3, 8, 3, padding=1), operation
        self.last = nn.Conv1d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.last(self.operation(self.first(x)))
        return y.view(y.size(0), -1)


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "convolution": nn.Conv1d(8, 8, 5, stride=2, padding=3, dilation=2),
    "convolution, same": nn.Conv1d(8, 8, 3, padding="same", groups=2, bias=False),
    "norm": nn.Sequential(nn.Conv1d(8, 8, 3), nn.BatchNorm1d(8), nn.ReLU()),
    "max pool": nn.MaxPool1d(3, 2, padding=1, ceil_mode=True),
    "average pool": nn.AvgPool1d(3, padding=1, count_include_pad=False),
    "adaptive pool": nn.AdaptiveAvgPool1d(4),
    "upsampling": nn.Upsample(scale_factor=2),
    "upsampling to a size": nn.Upsample(size=32),
    "padding": nn.ZeroPad1d((1, 2)),
    "dropout": nn.Dropout1d(),
    "PReLU by channel": nn.PReLU(8),
    "max_pool1d": lambda x: F.max_pool1d(x, 3, stride=2),
    "avg_pool1d": lambda x: F.avg_pool1d(input=x, kernel_size=4),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 2),
    "interpolate": lambda x: F.interpolate(x, scale_factor=3),
    "pad": lambda x: F.pad(x, (2, 0)),
    "mean": lambda x: x * torch.sigmoid(x.mean(-1, keepdim=True)),
}


def _check_same(network: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(5, *shape)
    image = as_image_network(network, shape)
    with torch.no_grad():
        y = image(x.unsqueeze(2) if len(shape) == 2 else x)
    assert torch.allclose(network(x), y, atol=1e-6)
    ShapeProp(image).propagate(torch.zeros(2, shape[0], 1, shape[1]) if len(shape) == 2 else torch.zeros(2, *shape))
    ranks = {len(node.meta["tensor_meta"].shape) for node in image.graph.nodes if "tensor_meta" in node.meta}
    assert ranks <= {2, 4}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_sequences_compute_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = randomise(_After(OPERATIONS[name])).eval()
    trace(network, (3, 16))  # an operation with costs
    _check_same(network, (3, 16))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_compute_the_same(architecture: type[nn.Module]) -> None:
    torch.manual_seed(0)
    _check_same(randomise(architecture()).eval(), input_shape(architecture))


def test_an_axis_counted_from_the_end_stays_the_channels() -> None:
    torch.manual_seed(0)
    _check_same(_Joined().eval(), (3, 16))


def test_the_network_itself_stays_as_it_is() -> None:
    network = _After(nn.MaxPool1d(2)).eval()
    as_image_network(network, (3, 16))
    assert isinstance(network.first, nn.Conv1d)
    assert network(torch.zeros(1, 3, 16)).shape == (1, 32)
