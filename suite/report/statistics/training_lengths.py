"""How long a training of a benchmark's reference network need be: what twice as many epochs gain on validation."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from suite.report.grouping import REFERENCE_METHOD, MethodVariant, base_preset, natural_key
from suite.report.statistics.intervals import FEWEST_PAIRS, Interval, mean_interval, standard_error

LEAST_POINTS = 0.5
"""Gain of a validation score, in points, from which on a doubling is worth it."""

LEAST_PERCENT = 1.0
"""Fall of a reconstruction error, in % of it, from which on a doubling is worth it."""

_ROUNDING = 9
"""Decimals of a gain that count: the differences of scores that are exactly 0.5 points apart differ by rounding."""


@dataclass(frozen=True)
class DoublingGain:
    """What twice the epochs gain on validation, over paired seeds; positive where the longer training is better.

    mean: with its interval, in points (0.01 of a score), or in % of the shorter training's error (`relative`).
    error: the mean's standard error, in the same unit; NaN for fewer than two pairs.
    """

    mean: Interval
    error: float
    relative: bool

    @property
    def least(self) -> float:
        """The gain from which on the shorter training is not converged, in the unit of `mean`."""
        return LEAST_PERCENT if self.relative else max(LEAST_POINTS, self.error)

    @property
    def converged(self) -> bool | None:
        """Whether the shorter training is converged; None for fewer than five pairs.

        A score: doubling gains less than 0.5 points or less than its standard error. A reconstruction error: doubling
        lowers it by less than 1 % of it.
        """
        if self.mean.n < FEWEST_PAIRS:
            return None
        return round(self.mean.mean, _ROUNDING) < self.least


def doubling_gain(shorter: ArrayLike, longer: ArrayLike, relative: bool = False) -> DoublingGain:
    """The gain from the validation scores of two trainings, (n,) each, paired by seed; pairs with NaN are left out.

    With `relative` the scores are negative errors, and a gain is (error - longer error) / error of each pair in %.

    >>> round(doubling_gain([0.80, 0.81], [0.81, 0.82]).mean.mean, 9)
    1.0
    """
    first, second = np.asarray(shorter, dtype=float), np.asarray(longer, dtype=float)
    gains = 100 * (second - first) / (-first if relative else 1.0)
    return DoublingGain(mean_interval(gains), standard_error(gains), relative)


PAPER_PRESET = "paper"
"""The preset that other presets' scores are compared with."""

NEGATIVE_ERROR = "negative_error"
"""Name of the validation score of benchmarks whose networks are chosen by their reconstruction error."""

_TRAINING = ["benchmark", "network", "base_preset", "series", "recipe_epochs"]


@dataclass(frozen=True)
class TrainingLength:
    """The runs of one recipe of a benchmark's reference network at one length.

    preset: as recorded, "full (changed)" where the user changed the recipe; `base_preset` is that without the mark.
    network, series: as in the frame; lengths that agree in `series` differ in nothing else.
    recipe: the recipe in a few words.
    epochs: of the training.
    runs: rows of the frame that finished, one a seed, with the seed as index.
    """

    benchmark: str
    network: str
    base_preset: str
    series: str
    epochs: int
    preset: str
    recipe: str
    runs: pd.DataFrame

    @property
    def by_error(self) -> bool:
        """Whether the validation score is a negative reconstruction error."""
        return bool((self.runs["selection_name"] == NEGATIVE_ERROR).any())

    def gain(self, longer: "TrainingLength") -> DoublingGain:
        """What the longer training gains on validation, paired by seed."""
        seeds = self.runs.index.intersection(longer.runs.index)
        shorter, twice = (length.runs.loc[seeds, "validation_score"] for length in (self, longer))
        return doubling_gain(shorter, twice, self.by_error)

    def double(self, lengths: Sequence["TrainingLength"]) -> "TrainingLength | None":
        """The one of `lengths` that differs from this in nothing but twice the epochs.

        An odd length has no half, so that from five epochs on one more or less than double counts, which is at most
        10 %; of several the nearest, then the longest.
        """
        double, tolerance = 2 * self.epochs, 1 if self.epochs >= 5 else 0
        alike = [x for x in lengths if x.series == self.series and abs(x.epochs - double) <= tolerance]
        return min(alike, key=lambda x: (abs(x.epochs - double), -x.epochs), default=None)

    def paper(self, lengths: Sequence["TrainingLength"]) -> "TrainingLength | None":
        """The one of `lengths` that the paper's preset trained the same network with, None for that preset's own.

        Of several it is that of the unchanged preset, then the longest.
        """
        if self.base_preset == PAPER_PRESET:
            return None
        published = [length for length in lengths if length.base_preset == PAPER_PRESET]
        alike = [length for length in published if (length.benchmark, length.network) == (self.benchmark, self.network)]
        return max(alike, key=lambda length: (length.preset == PAPER_PRESET, length.epochs), default=None)


def training_lengths(df: pd.DataFrame) -> list[TrainingLength]:
    """The trainings of `hand_tuned` that are as long as the recipe says, by benchmark, preset, recipe and length.

    Only networks with several of them are in it. A training is the same at every budget and on every device: of several
    runs of one seed, one that finished counts. A length without a finished run has no `runs`.
    """
    standard = [_is_recipe_length(*run) for run in zip(df["method"], df["options"], strict=True)]
    chosen = df[df["recipe_epochs"].notna() & np.array(standard, dtype=bool)]
    chosen = chosen.assign(base_preset=chosen["preset"].map(base_preset), _open=chosen["status"] != "done")
    chosen = chosen.sort_values(["_open", "preset", "id"], kind="stable").drop_duplicates([*_TRAINING, "seed"])
    lengths = []
    groups: Any = chosen.groupby(_TRAINING)
    for (benchmark, network, base, series, epochs), runs in groups:
        preset, recipe = runs["preset"].iloc[0], runs["recipe"].iloc[0]
        done = runs[runs["status"] == "done"].set_index("seed").sort_index()
        lengths.append(TrainingLength(benchmark, network, base, series, int(epochs), preset, recipe, done))
    uses = Counter((length.benchmark, length.network) for length in lengths)
    several = [length for length in lengths if uses[length.benchmark, length.network] > 1]
    return sorted(several, key=lambda x: (natural_key(x.benchmark), x.base_preset, x.recipe, x.series, x.epochs))


def _is_recipe_length(method: MethodVariant, options: str) -> bool:
    """Whether a run with these options (JSON) trains the reference network for the recipe's epochs."""
    values = json.loads(options)
    standard = values.get("length") == "standard" and values.get("cost_limit") is None
    return method.method == REFERENCE_METHOD and standard


def shortest_converged(lengths: Sequence[TrainingLength]) -> dict[str, int]:
    """Series -> its shortest length, in epochs, whose doubling gains too little; series without one are left out."""
    shortest: dict[str, int] = {}
    for length in sorted(lengths, key=lambda length: length.epochs, reverse=True):
        longer = length.double(lengths)
        if longer is not None and length.gain(longer).converged:
            shortest[length.series] = length.epochs
    return shortest
