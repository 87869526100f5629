"""CIFAR-10 as its authors publish it: pickled batches in one archive."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from suite.data.official import Archive, PackContents, iter_members
from suite.data.progress import ReportProgress
from suite.data.splits import stratified_validation

ARCHIVE = Archive(
    name="cifar-10-python.tar.gz",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    checksum="sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    size=170_498_071,
)
TRAIN = tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6))
TEST = "cifar-10-batches-py/test_batch"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
META = {"classes": CLASSES, "splits": "validation: a tenth of each training class, by hash of the index"}
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Cifar10:
    """The official test set; a fixed tenth of each training class is the validation split."""

    version: ClassVar[int] = 1
    title: ClassVar[str] = "CIFAR-10, 60,000 images of 32 x 32 pixels"
    licence: ClassVar[str] = "none stated; cite Krizhevsky 2009"

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The version for Python, 170 MB."""
        return (ARCHIVE,)

    def pack(self, files: Mapping[str, Path], report_progress: ReportProgress) -> PackContents:
        """Images `x` (N, 3, 32, 32) uint8 in the official order: training batches 1 to 5, then the test batch."""
        archive = files[ARCHIVE.name]
        report_progress(f"reading {archive.name}", 0, None)
        # A pickle may run code: these are the bytes that the checksum names.
        members = iter_members(archive, frozenset((*TRAIN, TEST)).__contains__)
        batches = {name: pickle.loads(content, encoding="bytes") for name, content in members}
        x = np.concatenate([batches[name][b"data"].reshape(-1, 3, 32, 32) for name in (*TRAIN, TEST)])
        y = np.concatenate([batches[name][b"labels"] for name in (*TRAIN, TEST)])
        training = len(y) - len(batches[TEST][b"labels"])
        split = np.full(len(y), 2, dtype=np.uint8)
        split[:training] = stratified_validation(y[:training], share=VALIDATION_SHARE)
        return PackContents({"x": x, "y": y.astype(np.int16), "split": split}, META)
