"""Tiny ImageNet, 200 classes at 64x64, with ResNet18."""

from suite.benchmarks.base import Classification
from suite.data import tiny_imagenet


class TinyImageNet(Classification):
    """Stanford's archive: downloaded, or in the folder that `data.folder` names."""

    version = 2
    preparation = tiny_imagenet.TinyImageNet()
