"""Whether a method's test score is non-inferior to another's: paired, from the predictions beside the records."""

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t

from suite.records.store import Store
from suite.report.grouping import GROUP, Group, MethodVariant
from suite.report.statistics.intervals import RESAMPLES, Floats

MARGIN = 0.01
"""How much lower a score may be and still count as non-inferior: one point of a score in [0, 1]."""

CONFIDENCE = 0.95
"""One-sided."""

_SCORE_TOLERANCE = 1e-6
_CACHED_RUNS = 512


class IncomparableRunsError(ValueError):
    """Two sets of runs cannot be compared example by example; the text says why."""


@dataclass(frozen=True)
class MethodRuns:
    """The finished runs of one method at one budget: ids and test scores, in the order of `seeds`, each seed once."""

    method: MethodVariant
    score_name: str
    seeds: tuple[int, ...]
    ids: tuple[str, ...]
    scores: tuple[float, ...]

    def paired(self, other: "MethodRuns") -> tuple["MethodRuns", "MethodRuns"]:
        """Both sides cut to the seeds that they share."""
        both = set(self.seeds) & set(other.seeds)
        return self._select_seeds(both), other._select_seeds(both)

    def _select_seeds(self, seeds: set[int]) -> "MethodRuns":
        at = [i for i, seed in enumerate(self.seeds) if seed in seeds]
        ids, scores = tuple(self.ids[i] for i in at), tuple(self.scores[i] for i in at)
        return MethodRuns(self.method, self.score_name, tuple(self.seeds[i] for i in at), ids, scores)


@dataclass(frozen=True)
class Predictions:
    """A run's test split: true classes (N,) and, per example, 1.0 where right or the anomaly score (N,)."""

    target: NDArray[np.int16]
    value: Floats


@dataclass(frozen=True)
class NonInferiority:
    """Mean difference of test scores (method - reference) over paired random seeds, with one-sided 95 % lower bounds.

    `low` takes the networks as they are and other test examples: a statement on these networks. `low_seeds` takes other
    seeds as well: a statement on the method; NaN for a single pair. `pairs` counts seeds, `examples` those of the test.
    """

    difference: float
    low: float
    low_seeds: float
    pairs: int
    examples: int

    def holds(self, margin: float = MARGIN) -> bool:
        """Whether these networks are shown to lose less than `margin`."""
        return self.low > -margin

    def holds_for_new_seeds(self, margin: float = MARGIN) -> bool:
        """Whether the method is, for seeds that were not run too."""
        return self.low_seeds > -margin


class Comparer:
    """Compares runs of one store by their predictions, which it caches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read_predictions = lru_cache(maxsize=_CACHED_RUNS)(self._load_predictions)

    def non_inferiority(self, method: MethodRuns, reference: MethodRuns) -> NonInferiority:
        """Compare the finished runs of two methods, paired by seed.

        Raises:
            IncomparableRunsError: no seed ran on both sides, or there are no predictions of the same examples that give
                the recorded scores back.
        """
        first, second = self._paired_predictions(method, reference)
        return non_inferiority(method.score_name, first[0].target, [p.value for p in first], [p.value for p in second])

    def mcnemar(self, method: MethodRuns, reference: MethodRuns) -> float:
        """McNemar's p for the one seed that both sides share.

        Raises:
            IncomparableRunsError: as above, or they share several seeds, or the score is no accuracy.
        """
        (first, *more), (second, *_) = self._paired_predictions(method, reference)
        if more or not method.score_name.endswith("accuracy"):
            raise IncomparableRunsError("McNemar's test compares the right answers of two networks")
        return mcnemar(first.value, second.value)

    def _paired_predictions(
        self, method: MethodRuns, reference: MethodRuns
    ) -> tuple[list[Predictions], list[Predictions]]:
        """The predictions of all pairs, of the same examples."""
        first, second = (
            [self._checked_predictions(side, i) for i in range(len(side.ids))] for side in method.paired(reference)
        )
        if not first:
            raise IncomparableRunsError("no seed has finished on both sides")
        if not all(np.array_equal(first[0].target, other.target) for other in (*first, *second)):
            raise IncomparableRunsError("the predictions are of different examples")
        return first, second

    def _checked_predictions(self, runs: MethodRuns, i: int) -> Predictions:
        """A run's predictions, if they give its recorded score back."""
        predictions = self._read_predictions(runs.ids[i])
        if predictions is None:
            raise IncomparableRunsError("a record keeps no predictions that can be read")
        score = _mean_score(runs.score_name, predictions.target, predictions.value)
        if not abs(score - runs.scores[i]) < _SCORE_TOLERANCE:
            raise IncomparableRunsError(f"{runs.score_name} cannot be computed from the predictions")
        return predictions

    def _load_predictions(self, run_id: str) -> Predictions | None:
        try:
            content = self._store.read_file(run_id, "predictions.npz")
            if content is None:
                return None
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                target = file["target"]
                value = file["error"] if "error" in file else file["predicted"] == target
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Predictions(target, value.astype(float))


def runs_by_group(df: pd.DataFrame) -> dict[Group, MethodRuns]:
    """The runs of each GROUP of `report_frame` that finished with a score; of several of one seed the first counts."""
    done = df[(df["status"] == "done") & df["score"].notna()].drop_duplicates([*GROUP, "seed"])
    done = done.sort_values([*GROUP, "seed"], kind="stable")
    columns = [done[name].to_numpy() for name in ("score_name", "seed", "id", "score")]
    by_group: dict[Group, MethodRuns] = {}
    groups: dict[Any, Any] = done.groupby(GROUP).indices  # a frame for each group would take ten times as long
    for key, members in groups.items():
        names, seeds, ids, scores = (column[np.asarray(members)].tolist() for column in columns)
        by_group[key] = MethodRuns(key[-1], names[0], tuple(seeds), tuple(ids), tuple(scores))
    return by_group


def non_inferiority(
    score_name: str, target: ArrayLike, first: Sequence[ArrayLike], second: Sequence[ArrayLike]
) -> NonInferiority:
    """The difference of mean scores of paired runs, `first` minus `second`, on the same test examples.

    `target` (N,) holds true classes; each run (N,) whether it is right, or anomaly scores for `score_name` "auc". In
    each of 2,000 bootstrap samples the same examples are drawn for all runs, so what is hard for both sides cancels;
    for balanced accuracy and AUC they are drawn within classes. `low` is the 5 % quantile of the resampled differences.
    `low_seeds` adds the seeds: both deviations squared and summed (Zou and Donner 2008), that of seeds being Student's
    t times the standard error of the pairs' differences. With three pairs t is 2.9, so a spread of half a point
    between pairs already takes 0.8 of the margin. It errs on the safe side: noise of examples is in both parts, and in
    simulation 1 to 3 % of methods at the margin pass in place of 5 %.

    Raises:
        IncomparableRunsError: the score is none of accuracy, balanced_accuracy and auc.
    """
    labels = np.asarray(target)
    a, b = (np.array(runs, dtype=float) for runs in (first, second))
    by_pair = [
        _mean_score(score_name, labels, x) - _mean_score(score_name, labels, y) for x, y in zip(a, b, strict=True)
    ]
    difference = float(np.mean(by_pair))
    low = float(np.quantile(_resampled_differences(score_name, labels, a, b), 1 - CONFIDENCE))
    return NonInferiority(
        difference, low, _lower_bound_over_seeds(by_pair, difference - low), len(by_pair), len(labels)
    )


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p of McNemar's exact test that two networks are right equally often; (N,) each, true where right.

    It asks whether two accuracies differ at all. A large p is no proof that they are equal: see `non_inferiority`.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def _lower_bound_over_seeds(by_pair: Sequence[float], deviation: float) -> float:
    n = len(by_pair)
    if n < 2:
        return math.nan
    of_seeds = float(t.ppf(CONFIDENCE, n - 1) * np.std(by_pair, ddof=1) / math.sqrt(n))
    return float(np.mean(by_pair)) - math.hypot(of_seeds, deviation)


def _mean_score(score_name: str, target: NDArray[np.int16], value: Floats) -> float:
    """The score of one run (N,)."""
    if score_name == "auc":
        return float(_pairwise_wins(target, value).mean())
    return float(np.mean([value[members].mean() for members in _strata(score_name, target)]))


def _resampled_differences(score_name: str, target: NDArray[np.int16], a: Floats, b: Floats) -> Floats:
    """Mean difference of the scores of a and b (pairs, N) in each bootstrap sample (RESAMPLES,)."""
    rng = np.random.default_rng(0)
    if score_name == "auc":
        wins = np.mean(
            [_pairwise_wins(target, x) - _pairwise_wins(target, y) for x, y in zip(a, b, strict=True)], axis=0
        )
        abnormal, normal = (rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n for n in wins.shape)
        redrawn: Floats = ((abnormal @ wins) * normal).sum(axis=1)
        return redrawn
    strata = _strata(score_name, target)
    total = np.zeros(RESAMPLES)
    for members in strata:
        # Few different sums, so the multinomial draws how often each occurs: no time depends on the number of examples.
        sums, counts = np.unique((a - b)[:, members].sum(axis=0), return_counts=True)
        total += rng.multinomial(len(members), counts / len(members), size=RESAMPLES) @ sums / len(members)
    return total / len(a) / len(strata)


def _strata(score_name: str, target: NDArray[np.int16]) -> list[NDArray[np.intp]]:
    """Groups of examples to resample: all of them (accuracy), each class (balanced accuracy), normal and not (AUC)."""
    if score_name == "accuracy":
        return [np.arange(len(target))]
    if score_name == "balanced_accuracy":
        return [np.flatnonzero(target == label) for label in np.unique(target)]
    raise IncomparableRunsError(f"{score_name} is no mean over examples, nor an AUC")


def _pairwise_wins(target: NDArray[np.int16], value: Floats) -> Floats:
    """1 where an abnormal example (rows) has a larger score than a normal one (columns), a half where equal."""
    abnormal, normal = value[target > 0][:, None], value[target == 0]
    wins: Floats = (abnormal > normal) + 0.5 * (abnormal == normal)
    return wins
