"""CIFAR-10 with the paper's ResNet8 (MLPerf Tiny image classification)."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data.cifar10 import Cifar10
from suite.data.official import Preparation


@dataclass(frozen=True)
class ImageClassification(Classification):
    """CIFAR-10 from the official python archive: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2
    preparation: ClassVar[Preparation | None] = Cifar10()
