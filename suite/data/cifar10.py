"""CIFAR-10 as its authors publish it: pickled batches in one archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.archives import load_restricted_pickle, read_members
from suite.data.official import Archive, PackContents, Preparation
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
VALIDATION_SHARE = 0.1
PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Cifar10(Preparation):
    """The official test set; a fixed tenth of each training class is the validation split."""

    version = 1
    title = "CIFAR-10, 60,000 images of 32 x 32 pixels"
    licence = "none stated; cite Krizhevsky 2009"

    archives = (ARCHIVE,)

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """Images `x` (N, 3, 32, 32) uint8 in the official order: training batches 1 to 5, then the test batch.

        Raises:
            SuiteError: a batch is missing or of another layout; the text names archive and batch.
        """
        (archive,) = files
        report_progress(f"reading {archive.name}", 0, None)
        contents = read_members(archive, [*TRAIN, TEST])
        # Popped, so that a batch's bytes are freed once its images exist: both have the same size.
        images, labels = zip(
            *(_parse(contents.pop(name), f"{archive}: {name}") for name in (*TRAIN, TEST)), strict=True
        )
        y = np.concatenate(labels)
        split = np.full(len(y), 2, dtype=np.uint8)
        training = len(y) - len(labels[-1])
        split[:training] = stratified_validation(y[:training], share=VALIDATION_SHARE)
        return PackContents({"x": np.concatenate(images), "y": y.astype(np.int16), "split": split}, CLASSES)


def _parse(content: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 3, 32, 32) and labels (N,) of one pickled batch."""
    batch = load_restricted_pickle(content, name)
    x, y = (batch.get(b"data"), batch.get(b"labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != PIXELS:
        raise SuiteError(f"{name}: lacks data (N, {PIXELS}) uint8")
    if not isinstance(y, list) or len(y) != len(x) or not all(label in range(len(CLASSES)) for label in y):
        raise SuiteError(f"{name}: lacks a list of {len(x)} labels from 0 to {len(CLASSES) - 1}")
    return x.reshape(-1, 3, 32, 32), np.array(y, dtype=np.int64)
