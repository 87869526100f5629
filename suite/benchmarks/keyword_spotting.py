"""Keyword spotting: ten words, silence and unknown of Speech Commands (MLPerf Tiny), with DS-CNN on MFCC."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from suite.benchmarks.base import Classification
from suite.data.audio import Mfcc, WaveAugmentation
from suite.data.base import Data, Source
from suite.data.spec_augment import SpecAugment
from suite.data.speech_commands import SpeechCommands
from suite.data.standardise import Standardisation

_STATISTICS_SAMPLES = 4_000


@dataclass(frozen=True)
class Words:
    """How often the classes that are no word occur, relative to the mean number of clips of a word."""

    unknown: float = 1.0
    silence: float = 1.0


@dataclass(frozen=True)
class KeywordSpotting(Classification):
    """Speech Commands v0.02 as waveforms, or a pack of MFCCs (N, 1, 49, 10) or waveforms (N, 16000).

    Waveforms are augmented with background noise and time shift before their features are computed, batch by batch;
    MFCCs are shifted in time only, by whole frames. `standardise` gives every coefficient mean 0 and variance 1 over
    the training set; `masking` then hides blocks of frames and coefficients from training. Training draws classes
    equally often, since in some copies "on" and "off" are rare; selection is by balanced accuracy.
    """

    version: ClassVar[int] = 4

    # Another type than images have; only `augment` uses it.
    augmentation: WaveAugmentation = field(default_factory=WaveAugmentation)  # type: ignore[assignment]
    features: Mfcc = field(default_factory=Mfcc)
    words: Words = field(default_factory=Words)
    balanced: bool = True
    standardise: bool = True
    masking: SpecAugment = field(default_factory=SpecAugment)
    # Set by `fit_preprocessing`, not by the configuration.
    standardisation: Standardisation | None = field(default=None, repr=False)
    background: Tensor | None = field(default=None, repr=False)

    def official(self) -> Source:
        """The archive with its own lists of validation and test clips."""
        return self.data.official_source(self.name, SpeechCommands(self.words.unknown, self.words.silence))

    def fit_preprocessing(self, data: Data) -> Self:
        """With the background recordings, and mean and variance of the training set's coefficients."""
        x = data.train.x
        index = torch.linspace(0, len(x) - 1, min(len(x), _STATISTICS_SAMPLES)).long()
        standardisation = Standardisation.fit(self._features(x[index])) if self.standardise else None
        return replace(self, standardisation=standardisation, background=data.background)

    def preprocess(self, x: Tensor) -> Tensor:
        """MFCCs (N, 1, 49, 10) of stored MFCCs or waveforms (N, samples), float32."""
        return self._standardised(self._features(x))

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """As `preprocess`, with background noise and time shift."""
        if x.dim() == 2:
            features = self._features(self.augmentation(x, self.background, generator))
        else:
            features = self.augmentation.shift_frames(self._features(x), generator)
        features = self._standardised(features)
        return self.masking(features, generator)

    def _standardised(self, features: Tensor) -> Tensor:
        return features if self.standardisation is None else self.standardisation(features)

    def _features(self, x: Tensor) -> Tensor:
        features = self.features(x) if x.dim() == 2 else x.float()
        return features[:, None] if features.dim() == 3 else features
