"""CIFAR-10 with the paper's ResNet8 (MLPerf Tiny image classification)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from suite.benchmarks.base import DATA_FOLDER_VARIABLE, Classification
from suite.data.base import Source
from suite.data.cifar10 import Cifar10Source


@dataclass(frozen=True)
class ImageClassification(Classification):
    """CIFAR-10 from the official python archive: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 1

    def official(self) -> Source:
        """The archive of Krizhevsky 2009; validation is a fixed stratified tenth of its training set."""
        folder = self.data.folder or os.environ.get(DATA_FOLDER_VARIABLE)
        return Cifar10Source(Path(folder).expanduser() if folder else None, self.data.download)
