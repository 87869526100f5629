"""Plain networks to start from with data of one's own: of sequences and of tables. Images have `ResNet8`."""

from torch import nn


class SequenceNet(nn.Sequential):
    """Logits (N, classes) of sequences (N, in_channels, L): separable convolutions, `width` channels at first."""

    def __init__(self, in_channels: int, classes: int, width: int = 16) -> None:
        super().__init__(
            *_convolution(in_channels, width, 5, stride=2),
            *_convolution(width, width, 5, groups=width),
            *_convolution(width, 2 * width, 1),
            *_convolution(2 * width, 2 * width, 5, stride=2, groups=2 * width),
            *_convolution(2 * width, 4 * width, 1),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(4 * width, classes),
        )


class TableNet(nn.Sequential):
    """Logits (N, classes) of features (N, inputs): two hidden layers of `width` units."""

    def __init__(self, inputs: int, classes: int, width: int = 64) -> None:
        first = [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
        second = [nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()]
        super().__init__(*first, *second, nn.Linear(width, classes))


def _convolution(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, ...]:
    layer = nn.Conv1d(cin, cout, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return layer, nn.BatchNorm1d(cout), nn.ReLU()
