"""What a data set is to the suite: tensors in memory, split once and for all, with a fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Examples `x` (N, ...) in their stored format (uint8 images, float features) and labels `y` (N,) int64."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Data:
    """The three splits of a benchmark; which example is in which never depends on a run's seed."""

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    meta: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Where a benchmark's data comes from: a pack, an official archive, a bundled set."""

    def describe(self) -> dict[str, str]:
        """Title, place, licence, whether it is present and its size, for `suite data`; never downloads."""

    def fingerprint(self) -> str:
        """SHA-256 that identifies the content, whatever its path; part of every run's id.

        Raises:
            SuiteError: the data is missing or damaged; the text names the file and what would be accepted.
        """

    def load(self, cache: Path) -> Data:
        """The splits, decoded once and cached under `cache`.

        Raises:
            SuiteError: the data is missing, damaged or not what its format says; the text names the file.
        """
