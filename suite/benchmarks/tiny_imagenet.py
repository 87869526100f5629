"""Tiny ImageNet, 200 classes at 64x64, with ResNet18."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data.base import Source
from suite.data.official import OfficialSource
from suite.data.tiny_imagenet import TinyImageNet as Archives


@dataclass(frozen=True)
class TinyImageNet(Classification):
    """Stanford's archive: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2

    def official(self) -> Source:
        """The labelled validation images test; a tenth of each training class validates."""
        return OfficialSource(self.name, Archives(), self.data.archives, self.data.download)
