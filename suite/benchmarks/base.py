"""What a benchmark is, and the classification benchmark that most of them are."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from suite import SuiteError
from suite.data.augment import ALTERNATE, Affine
from suite.data.base import Data, Source, Split
from suite.data.official import OfficialSource, Preparation
from suite.data.pack import PackSource

DATA_FOLDER_VARIABLE = "SUITE_DATA_DIR"
ACCURACY, BALANCED = "accuracy", "balanced_accuracy"


class Benchmark(Protocol):
    """Data, score and targets of one task; the reference network is a config node of its own, `benchmark.network`.

    `input_shape` is that of one example as the network gets it. `score_name` names the test score that results are
    compared by, a key of `scores`; `selection_name` what a network is chosen by on validation data, which is what
    `selection_score` measures. `balanced`: training draws every class equally often.

    Three members are optional. `outputs(data)`: how many outputs a network must have; a network with another number is
    refused before it is trained. `smoothed_loss(outputs, inputs, targets, smoothing)`: the loss with smoothed labels,
    for recipes with `label_smoothing`. `mirrors_in_turns`: whether training mirrors each stored image in every other
    epoch, before `augment` sees it.
    """

    version: ClassVar[int]
    name: str
    title: str
    input_shape: Sequence[int]
    chance: float
    quality_target: float | None
    score_name: str
    selection_name: str
    balanced: bool

    def source(self) -> Source:
        """Where the data comes from under the present settings."""

    def fit_preprocessing(self, data: Data) -> Self:
        """This benchmark with what preprocessing needs from training data: feature statistics, noise recordings."""

    def preprocess(self, x: Tensor) -> Tensor:
        """Turn stored examples (N, ...) into the network's input (N, *input_shape), float32."""

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """As `preprocess`, with the examples changed at random: what training sees."""

    def loss(self, outputs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a 0-d tensor."""

    def predict(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """The prediction for each example (N, ...) that scores are computed from, such as its class scores."""

    def selection_score(self, predictions: Tensor, split: Split) -> float:
        """The score by which networks are chosen on validation data, better when higher."""

    def scores(self, predictions: Tensor, split: Split) -> dict[str, float]:
        """Every score of the test split by name, better when higher."""

    def recorded_predictions(self, predictions: Tensor, split: Split) -> dict[str, NDArray[Any]]:
        """The arrays that a record keeps of the test split's predictions, by name."""


@dataclass(frozen=True)
class DataSettings:
    """Where to look for the data: a pack file, a folder with the official archive, or a download."""

    pack: str | None = None
    folder: str | None = None
    download: bool = True

    def pack_source(self, benchmark: str) -> PackSource | None:
        """The pack that is named, or else `<benchmark>.npz` in SUITE_DATA_DIR if it is there."""
        if self.pack is not None:
            return PackSource(Path(self.pack).expanduser(), benchmark)
        folder = os.environ.get(DATA_FOLDER_VARIABLE)
        path = Path(folder).expanduser() / f"{benchmark}.npz" if folder else None
        return PackSource(path, benchmark) if path and path.exists() else None

    def official_source(self, benchmark: str, preparation: Preparation) -> OfficialSource:
        """The official data, its archives in the folder that is named, in SUITE_DATA_DIR or downloaded."""
        folder = self.folder or os.environ.get(DATA_FOLDER_VARIABLE)
        return OfficialSource(benchmark, preparation, Path(folder).expanduser() if folder else None, self.download)


@dataclass(frozen=True)
class Classification:
    """Image or feature classification from a pack: enough for a benchmark of one's own.

    Its YAML file names the pack, the reference network and the recipe. `input_shape` is one example's; `quality_target`
    is MLPerf Tiny's, where there is one; `chance` is the score of guessing, the hypervolume's reference. The score is
    top-1 accuracy. Networks are chosen by it too, or, where classes are uneven (`balanced`), by its mean over classes.
    A subclass may name the `preparation` of official archives, which are read where there is no pack.
    """

    version: ClassVar[int] = 1
    preparation: ClassVar[Preparation | None] = None
    score_name: ClassVar[str] = ACCURACY

    name: str
    title: str
    input_shape: Sequence[int]
    chance: float
    data: DataSettings = field(default_factory=DataSettings)
    augmentation: Affine = field(default_factory=Affine)
    quality_target: float | None = None
    balanced: bool = False

    @property
    def selection_name(self) -> str:
        """Balanced accuracy where classes are uneven."""
        return BALANCED if self.balanced else ACCURACY

    def source(self) -> Source:
        """The pack that is named, one in SUITE_DATA_DIR, or else the official data.

        Raises:
            SuiteError: this benchmark has no official data and no pack was named.
        """
        return self.data.pack_source(self.name) or self.official()

    def official(self) -> Source:
        """The data as its authors distribute it."""
        if self.preparation is None:
            raise SuiteError(
                f"benchmark {self.name} has no data: name a pack with benchmark.data.pack=FILE, or put {self.name}.npz "
                f"into a folder and set {DATA_FOLDER_VARIABLE} to it"
            )
        return self.data.official_source(self.name, self.preparation)

    def outputs(self, data: Data) -> int:
        """How many outputs a network must have: one a class."""
        return len(data.classes)

    def fit_preprocessing(self, data: Data) -> Self:
        """Nothing is taken from the data."""
        return self

    def preprocess(self, x: Tensor) -> Tensor:
        """Scale uint8 images to [0, 1], leave features as they are; float32."""
        return x.float().div_(255) if x.dtype == torch.uint8 else x.float()

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """As `preprocess`, with the configured affine augmentation."""
        if self.augmentation.moves_whole_pixels:  # bytes are moved four times faster than floats
            return self.preprocess(self.augmentation(x, generator))
        return self.augmentation(self.preprocess(x), generator)

    def loss(self, outputs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(outputs, targets)

    def smoothed_loss(self, outputs: Tensor, inputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy to labels of which the share `smoothing` is spread over all classes."""
        return F.cross_entropy(outputs, targets, label_smoothing=smoothing)

    @property
    def mirrors_in_turns(self) -> bool:
        """Whether images are mirrored in every other epoch instead of at random."""
        return bool(self.augmentation.flip == ALTERNATE)

    def predict(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """The class scores (N, classes)."""
        return outputs

    def selection_score(self, predictions: Tensor, split: Split) -> float:
        """Top-1 or balanced accuracy in [0, 1]."""
        return self.scores(predictions, split)[self.selection_name]

    def scores(self, predictions: Tensor, split: Split) -> dict[str, float]:
        """Top-1 accuracy in [0, 1], and its mean over classes where they are uneven."""
        right = (predictions.argmax(1) == split.y).double()
        scores = {ACCURACY: float(right.mean())}
        if self.balanced:
            per_class = [right[split.y == label].mean() for label in torch.unique(split.y)]
            scores[BALANCED] = float(torch.stack(per_class).mean())
        return scores

    def recorded_predictions(self, predictions: Tensor, split: Split) -> dict[str, NDArray[Any]]:
        """The predicted and the true class of every example."""
        return {
            "predicted": predictions.argmax(1).numpy().astype(np.int16),
            "target": split.y.numpy().astype(np.int16),
        }


def benchmark_settings(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a benchmark's config that its class takes: without networks, recipe and presets."""
    return {key: value for key, value in node.items() if key not in ("network", "supernet", "recipe", "presets")}
