"""What a benchmark is, and the classification benchmark that most of them are."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.data.augment import Affine
from suite.data.base import Source
from suite.data.pack import PackSource
from suite.errors import SuiteError

DATA_FOLDER_VARIABLE = "SUITE_DATA_DIR"


class Benchmark(Protocol):
    """Data, score and targets of one task; the seed network is a config node of its own, `benchmark.network`."""

    version: ClassVar[int]
    name: str
    title: str
    input_shape: Sequence[int]
    chance: float
    score_name: str

    def source(self) -> Source:
        """Where the data comes from under the present settings."""

    def prepare(self, x: Tensor) -> Tensor:
        """Stored examples (N, ...) as the network's input, float32."""

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Prepared training inputs, changed at random."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a 0-d tensor."""

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """The score of outputs (N, ...), better when higher."""


@dataclass(frozen=True)
class DataSettings:
    """Where to look for the data: a pack file, a folder with the official archive, or a download."""

    pack: str | None = None
    folder: str | None = None
    download: bool = True


@dataclass(frozen=True)
class Classification:
    """Image or feature classification by top-1 accuracy, from a pack: enough for a benchmark of one's own.

    Its YAML file names the pack, the seed network and the recipe. `input_shape` is one example's; `quality_target` is
    MLPerf Tiny's, where there is one; `chance` is the score of guessing, the hypervolume's reference.
    """

    version: ClassVar[int] = 1

    name: str
    title: str
    input_shape: Sequence[int]
    chance: float
    data: DataSettings = field(default_factory=DataSettings)
    augmentation: Affine = field(default_factory=Affine)
    quality_target: float | None = None
    score_name: str = "accuracy"

    def source(self) -> Source:
        """The pack that is named, one in SUITE_DATA_DIR, or else the official data.

        Raises:
            SuiteError: this benchmark has no official data and no pack was named.
        """
        if self.data.pack is not None:
            return PackSource(Path(self.data.pack).expanduser(), self.name)
        folder = os.environ.get(DATA_FOLDER_VARIABLE)
        if folder and (pack := Path(folder).expanduser() / f"{self.name}.npz").exists():
            return PackSource(pack, self.name)
        return self.official()

    def official(self) -> Source:
        """The data as its authors distribute it."""
        raise SuiteError(
            f"benchmark {self.name} has no data: name a pack with benchmark.data.pack=FILE, or put {self.name}.npz "
            f"into a folder and set {DATA_FOLDER_VARIABLE} to it"
        )

    def prepare(self, x: Tensor) -> Tensor:
        """uint8 images scaled to [0, 1]; features as they are; both float32."""
        return x.float().div_(255) if x.dtype == torch.uint8 else x.float()

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The configured affine augmentation."""
        return self.augmentation(x, generator)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(outputs, targets)

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Top-1 accuracy in [0, 1]."""
        return float((outputs.argmax(1) == targets).double().mean())


def benchmark_settings(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a benchmark's config that its class takes: without seed network, recipe and presets."""
    return {key: value for key, value in node.items() if key not in ("network", "recipe", "presets")}
