"""Small networks of the kinds that people bring: (N, 3, 32, 32) images, or sequences (N, 3, 64), to 4 classes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

IMAGE, SEQUENCE, CLASSES = (3, 32, 32), (3, 64), 4


def conv(
    cin: int, cout: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Convolution, batch norm, activation; nn.Identity for none."""
    layer = nn.Conv2d(cin, cout, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(cout), act())


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate that reads the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, max(4, channels // 4), 1)
        self.expand = nn.Conv2d(max(4, channels // 4), channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.expand(torch.relu(self.reduce(self.pool(x)))))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, perhaps squeeze-and-excite, projection; a residual where shapes allow."""

    def __init__(
        self, cin: int, cout: int, kernel: int, stride: int, expand: int, act: Callable[[], nn.Module], squeeze: bool
    ) -> None:
        super().__init__()
        wide = expand * cin
        self.body = nn.Sequential(
            conv(cin, wide, 1, act=act) if expand > 1 else nn.Identity(),
            conv(wide, wide, kernel, stride, groups=wide, act=act),
            SqueezeExcite(wide) if squeeze else nn.Identity(),
            conv(wide, cout, 1, act=nn.Identity),
        )
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.residual else y


class Classifier(nn.Module):
    """Features, their means, a linear layer."""

    def __init__(self, features: nn.Module, channels: int, pool: nn.Module | None = None) -> None:
        super().__init__()
        self.features, self.pool = features, pool or nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.features(x))
        return self.classify(y.reshape(y.size(0), -1))


Block = tuple[int, int, int, int, int, Callable[[], nn.Module], bool]
"""The arguments of an `InvertedResidual`."""


class InvertedResiduals(Classifier):
    """A strided convolution to 8 channels, `blocks`, and a pointwise convolution to 32; `act` is of its ends."""

    def __init__(self, act: Callable[[], nn.Module], *blocks: Block) -> None:
        body = [InvertedResidual(*block) for block in blocks]
        super().__init__(nn.Sequential(conv(3, 8, stride=2, act=act), *body, conv(blocks[-1][1], 32, 1, act=act)), 32)


class MobileNetV3(InvertedResiduals):
    """As MobileNetV3-small: hardswish and squeeze-and-excite (Howard et al., arXiv 1905.02244)."""

    def __init__(self) -> None:
        super().__init__(
            nn.Hardswish,
            (8, 8, 3, 2, 1, nn.ReLU, True),
            (8, 12, 3, 1, 3, nn.ReLU, False),
            (12, 12, 5, 1, 3, nn.Hardswish, True),
        )


class EfficientNetLite(InvertedResiduals):
    """As EfficientNet-Lite0: ReLU6, no squeeze-and-excite."""

    def __init__(self) -> None:
        super().__init__(
            nn.ReLU6,
            (8, 8, 3, 1, 1, nn.ReLU6, False),
            (8, 12, 5, 2, 4, nn.ReLU6, False),
            (12, 12, 3, 1, 4, nn.ReLU6, False),
        )


class Bottleneck(nn.Module):
    """1x1, 3x3 of two groups, 1x1, and a shortcut (ResNeXt: arXiv 1611.05431)."""

    def __init__(self, cin: int, width: int, cout: int, stride: int, groups: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(cin, width, 1), conv(width, width, 3, stride, groups), conv(width, cout, 1, act=nn.Identity)
        )
        same = stride == 1 and cin == cout
        self.shortcut = nn.Identity() if same else conv(cin, cout, 1, stride, act=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class BottleneckResNet(Classifier):
    """ResNet with bottlenecks, one of them with a grouped convolution."""

    def __init__(self) -> None:
        blocks = (Bottleneck(8, 4, 16, 1, 1), Bottleneck(16, 8, 16, 2, 2), Bottleneck(16, 4, 16, 1, 1))
        super().__init__(nn.Sequential(conv(3, 8, stride=2), *blocks), 16)


class McuNet(InvertedResiduals):
    """As MCUNet: inverted residuals with kernels of 3, 5 and 7 and different expansions (arXiv 2007.10319)."""

    def __init__(self) -> None:
        super().__init__(
            nn.ReLU6,
            (8, 8, 7, 2, 3, nn.ReLU6, False),
            (8, 12, 5, 1, 5, nn.ReLU6, False),
            (12, 12, 3, 1, 4, nn.ReLU6, False),
        )


class SequenceNet(Classifier):
    """Convolutions along a sequence, one of them dilated."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(
                nn.Conv1d(3, 12, 5, padding=2, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(2),
                nn.Conv1d(12, 16, 3, padding=2, dilation=2), nn.Hardswish(),
                nn.Conv1d(16, 16, 3, padding=1, groups=16), nn.ReLU(),
            ),
            16,
            nn.AdaptiveAvgPool1d(1),
        )  # fmt: skip


ARCHITECTURES = (MobileNetV3, EfficientNetLite, BottleneckResNet, McuNet, SequenceNet)


def input_shape(architecture: type[nn.Module]) -> tuple[int, ...]:
    """Of one example."""
    return SEQUENCE if architecture is SequenceNet else IMAGE
