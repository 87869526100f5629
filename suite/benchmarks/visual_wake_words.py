"""Visual Wake Words: is there a person in a 96x96 image (MLPerf Tiny), with MobileNetV1 0.25."""

from suite.benchmarks.base import Classification
from suite.data import visual_wake_words


class VisualWakeWords(Classification):
    """MLPerf Tiny's 96x96 images of COCO 2014: downloaded, or in the folder that `data.folder` names."""

    version = 2
    preparation = visual_wake_words.VisualWakeWords()
