"""CIFAR-10 with the paper's ResNet8 (MLPerf Tiny image classification)."""

from suite.benchmarks.base import Classification
from suite.data.cifar10 import Cifar10


class ImageClassification(Classification):
    """CIFAR-10 from the official python archive: downloaded, or in the folder that `data.folder` names."""

    version = 2
    preparation = Cifar10()
