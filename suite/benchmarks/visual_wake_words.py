"""Visual Wake Words: is there a person in a 96x96 image (MLPerf Tiny), with MobileNetV1 0.25."""

from dataclasses import dataclass
from typing import ClassVar

from suite.benchmarks.base import Classification
from suite.data import visual_wake_words
from suite.data.official import Preparation


@dataclass(frozen=True)
class VisualWakeWords(Classification):
    """MLPerf Tiny's 96x96 images of COCO 2014: downloaded, or in the folder that `data.folder` names."""

    version: ClassVar[int] = 2
    preparation: ClassVar[Preparation | None] = visual_wake_words.VisualWakeWords()
