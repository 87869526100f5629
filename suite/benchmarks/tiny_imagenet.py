"""Tiny ImageNet, 200 classes at 64x64, with ResNet18."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data import tiny_imagenet
from suite.data.official import Preparation


@dataclass(frozen=True)
class TinyImageNet(Classification):
    """Stanford's archive: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2
    preparation: ClassVar[Preparation | None] = tiny_imagenet.TinyImageNet()
