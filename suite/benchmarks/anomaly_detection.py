"""Anomaly detection: toy cars that sound wrong (ToyADMOS; MLPerf Tiny), with a fully connected autoencoder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from suite.benchmarks.base import DataSettings
from suite.data.audio import sliding_windows
from suite.data.base import Data, Source, Split
from suite.data.toycar import ToyCar

PARTIAL_FALSE_ALARMS = 0.1
"""Partial AUC is taken up to this false positive rate, as DCASE 2020 task 2 does."""


@dataclass(frozen=True)
class WindowSource:
    """Clips (200 frames, 128 bands) as all their windows of `frames` frames, float16; spectra (bins,) as they are.

    Every window is an example; the column `clip` numbers the clip that it comes from, from 0 in each split.
    """

    clips: Source
    frames: int

    def describe(self) -> dict[str, str]:
        """As the source of the clips."""
        return self.clips.describe()

    def fingerprint(self) -> str:
        """As the source of the clips: how they are cut is in the benchmark's settings."""
        return self.clips.fingerprint()

    def load(self, cache: Path) -> Data:
        """The splits in dB; integers are turned into dB by the `scale` and `offset` of the data's meta."""
        data = self.clips.load(cache)
        scale, offset = float(data.meta.get("scale", 1)), float(data.meta.get("offset", 0))
        train, validation, test = (self._cut(x, scale, offset) for x in (data.train, data.validation, data.test))
        return replace(data, train=train, validation=validation, test=test)

    def _cut(self, split: Split, scale: float, offset: float) -> Split:
        columns = {**split.columns, "clip": torch.arange(len(split))}
        if split.x[0].dim() == 1:
            return Split(split.x.float(), split.y, columns)
        frames = split.x.reshape(len(split), *split.x.shape[-2:])
        cut = sliding_windows((frames.float() * scale + offset).half(), self.frames)
        repeated = {name: column.repeat_interleave(cut.shape[1]) for name, column in columns.items()}
        return Split(cut.flatten(0, 1), split.y.repeat_interleave(cut.shape[1]), repeated)


@dataclass(frozen=True)
class AnomalyDetection:
    """Reconstruction of normal sounds; a clip is the more anomalous the larger its mean error over all windows.

    The score is the ROC AUC over all test clips. Networks are chosen by reconstruction error, since validation clips
    are all normal. Inputs are dB, unscaled, so that the loss is a mean square in dB^2 and loud bands weigh more than
    quiet ones: MLPerf Tiny's published convention (mlcommons/tiny 1afd2c9,
    benchmark/training/anomaly_detection/common.py, `file_to_vector_array`), followed whatever it scores.
    """

    version: ClassVar[int] = 1
    score_name: ClassVar[str] = "auc"
    selection_name: ClassVar[str] = "negative_error"
    balanced: ClassVar[bool] = False

    name: str
    title: str
    chance: float = 0.5
    frames: int = 5
    data: DataSettings = field(default_factory=DataSettings)
    quality_target: float | None = None

    @property
    def input_shape(self) -> Sequence[int]:
        """As the data has it: 5 frames of 128 bands, or the bins of a clip's spectrum."""
        pack = self.data.pack_source(self.name)
        stored = pack.example_shape() if pack else (200, 128)
        return stored if len(stored) == 1 else (self.frames * stored[-1],)

    def source(self) -> Source:
        """The windows of the pack that is named, of one in SUITE_DATA_DIR, or of the official data."""
        pack = self.data.pack_source(self.name)
        return WindowSource(pack, self.frames) if pack else self.official()

    def official(self) -> Source:
        """Development and additional training data of DCASE 2020 task 2."""
        return WindowSource(self.data.official_source(self.name, ToyCar()), self.frames)

    def outputs(self, data: Data) -> int:
        """How many outputs a network must have: as many as inputs, which it reconstructs."""
        return math.prod(self.input_shape)

    def fit_preprocessing(self, data: Data) -> Self:
        """Nothing is taken from the data."""
        return self

    def preprocess(self, x: Tensor) -> Tensor:
        """Windows (N, inputs) as float32."""
        return x.float()

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """As `preprocess`: sounds are not augmented."""
        return self.preprocess(x)

    def loss(self, outputs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error of the reconstruction."""
        return F.mse_loss(outputs.float(), inputs)

    def predict(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Mean squared error of each window (N,)."""
        return (outputs - inputs).square().mean(1)

    def selection_score(self, predictions: Tensor, split: Split) -> float:
        """The negative mean error."""
        return -float(predictions.double().mean())

    def scores(self, predictions: Tensor, split: Split) -> dict[str, float]:
        """ROC AUC over all clips, partial AUC, and AUC of each machine and their mean where machines are known."""
        clips = self.recorded_predictions(predictions, split)
        target, error = clips["target"], clips["error"]
        scores = {"auc": _auc(target, error), "partial_auc": _auc(target, error, max_fpr=PARTIAL_FALSE_ALARMS)}
        machines = clips.get("machine", np.empty(0))
        by_machine = {int(m): _auc(target[machines == m], error[machines == m]) for m in np.unique(machines)}
        if by_machine:
            scores["machine_mean_auc"] = float(np.mean(list(by_machine.values())))
        return scores | {f"auc_machine_{m}": value for m, value in by_machine.items()}

    def recorded_predictions(self, predictions: Tensor, split: Split) -> dict[str, NDArray[Any]]:
        """Mean error, label and machine of every clip."""
        labels, clip = torch.unique(split.columns["clip"], return_inverse=True)
        count = torch.bincount(clip)
        error = torch.zeros(len(labels)).index_add_(0, clip, predictions.float()) / count
        first = np.unique(clip.numpy(), return_index=True)[1]  # all windows of a clip have its label and machine
        columns = {"target": split.y} | {k: v for k, v in split.columns.items() if k == "machine"}
        return {"error": error.numpy(), **{k: column.numpy()[first].astype(np.int16) for k, column in columns.items()}}


def _auc(target: NDArray[Any], error: NDArray[Any], max_fpr: float | None = None) -> float:
    """NaN where there is only one class, as in a cut test split."""
    if len(np.unique(target)) < 2:
        return math.nan
    return float(roc_auc_score(target, error, max_fpr=max_fpr))
