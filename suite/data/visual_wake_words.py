"""Visual Wake Words as MLPerf Tiny trains on it: COCO 2014 at 96 x 96 pixels, person or no person."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite import SuiteError
from suite.data.archives import iter_members
from suite.data.encoded import join_images
from suite.data.official import Archive, PackContents, Preparation
from suite.data.progress import ReportProgress, track

ARCHIVE = Archive(
    name="vw_coco2014_96.tar.gz",
    url="https://www.silabs.com/public/files/github/machine_learning/benchmarks/datasets/vw_coco2014_96.tar.gz",
    checksum="sha256:f8746b9e44f8a7a4293f73be9ba6e8da9239fe69798d42364aae62b915cfab58",
    size=234_810_765,
)
CLASSES = ("non_person", "person")
IMAGES = 109_619
SIZE = 96
# Does not match "._COCO_...", files that macOS adds to archives.
_MEMBER = re.compile(r"vw_coco2014_96/(person|non_person)/COCO_[a-z]+2014_(\d{12})\.jpg")


@dataclass(frozen=True)
class VisualWakeWords(Preparation):
    """The archive has no splits: `validation` and `test` are the shares of all photographs in these two splits.

    A photograph's split follows from its COCO number alone. Let u in [0, 1) be the first 64 bits of the SHA-256 of the
    number's 12 digits, divided by 2^64: u < `validation` is validation, u < `validation` + `test` is test, all else is
    training.

    Raises:
        ValueError: a share is not positive, or nothing is left for training.
    """

    version = 1
    title = "Visual Wake Words, COCO 2014 at 96 x 96 pixels (MLPerf Tiny)"
    licence = "COCO annotations CC BY 4.0; images under Flickr's terms of use"
    # Silicon Labs', which mlcommons/tiny 1afd2c9, benchmark/training/visual_wake_words, downloads.
    archives = (ARCHIVE,)

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if min(self.validation, self.test) <= 0 or self.validation + self.test >= 1:
            raise ValueError(f"validation={self.validation} and test={self.test} must be positive, their sum below 1")

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """The JPEG files unchanged; `group` (N,) is the COCO number of each photograph as text."""
        (archive,) = files
        images = track(iter_members(archive, _MEMBER.fullmatch), "checking images", IMAGES, report_progress)
        names, arrays = join_images(archive, images, SIZE)
        if not names:
            raise SuiteError(f"{archive}: holds no image vw_coco2014_96/person/COCO_train2014_<12 digits>.jpg")
        labels, photographs = zip(*(found.groups() for found in map(_MEMBER.fullmatch, names) if found), strict=True)
        arrays |= {
            "y": np.array([CLASSES.index(label) for label in labels], dtype=np.int16),
            "split": np.array([self._split(photograph) for photograph in photographs], dtype=np.uint8),
            "group": np.array(photographs),
        }
        return PackContents(arrays, CLASSES)

    def _split(self, photograph: str) -> int:
        position = int.from_bytes(hashlib.sha256(photograph.encode()).digest()[:8]) / 2**64
        return 1 if position < self.validation else 2 if position < self.validation + self.test else 0
