"""Visual Wake Words: is there a person in a 96x96 image (MLPerf Tiny), with MobileNetV1 0.25."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data.base import Source
from suite.data.official import OfficialSource
from suite.data.visual_wake_words import VisualWakeWords as Archives


@dataclass(frozen=True)
class VisualWakeWords(Classification):
    """MLPerf Tiny's 96x96 images of COCO 2014: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2

    def official(self) -> Source:
        """The archive of 109,619 images; splits by a fixed hash of the photograph."""
        return OfficialSource(self.name, Archives(), self.data.archives, self.data.download)
