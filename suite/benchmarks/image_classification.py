"""CIFAR-10 with the paper's ResNet8 (MLPerf Tiny image classification)."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data.base import Source
from suite.data.cifar10 import Cifar10
from suite.data.official import OfficialSource


@dataclass(frozen=True)
class ImageClassification(Classification):
    """CIFAR-10 from the official python archive: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2

    def official(self) -> Source:
        """The archive of Krizhevsky 2009; validation is a fixed stratified tenth of its training set."""
        return OfficialSource(self.name, Cifar10(), self.data.archives, self.data.download)
