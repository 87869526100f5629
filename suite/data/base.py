"""A data set: tensors in memory in three fixed splits, and the source that loads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Examples `x` (N, ...) in their stored format (uint8 images, float features) and labels `y` (N,) int64.

    `columns` holds further integers per example (N,), such as the machine that a sound comes from.
    """

    x: Tensor
    y: Tensor
    columns: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Split":
        """The examples at `index` (M,), in its order."""
        return Split(self.x[index], self.y[index], {name: column[index] for name, column in self.columns.items()})


@dataclass(frozen=True)
class Data:
    """The three splits of a benchmark; which example is in which split never depends on a run's seed.

    `background` (M, samples) are recordings of noise to mix into training clips; no validation or test example is cut
    from them.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    meta: Mapping[str, str] = field(default_factory=dict)
    background: Tensor | None = None


class Source(Protocol):
    """Where a benchmark's data comes from: a pack, an official archive, a bundled set."""

    def describe(self) -> dict[str, str]:
        """Title, location, licence, size, and whether the data is present, for `suite data`; downloads nothing."""

    def fingerprint(self) -> str:
        """SHA-256 in hex that identifies the content, whatever its path; part of every run's id.

        Raises:
            SuiteError: the data is missing or damaged; the text names the file and what would be accepted.
        """

    def load(self, cache: Path) -> Data:
        """The splits; images are decoded once and cached in the folder `cache`.

        Raises:
            SuiteError: the data is missing, damaged or not what its format says; the text names the file.
        """
