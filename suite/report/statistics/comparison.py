"""How far the test scores of two methods differ: paired by seed and by test example, from the runs' predictions."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from suite.records.store import Store
from suite.report.grouping import GROUP, Group, MethodVariant, projection_of
from suite.report.statistics.intervals import Floats
from suite.report.statistics.noninferiority import PairedDifference

_SCORE_TOLERANCE = 1e-6


class IncomparableRunsError(ValueError):
    """Two sets of runs cannot be compared example by example; the text says why."""


@dataclass(frozen=True)
class MethodRuns:
    """The finished runs of one method at one budget, in the order of `seeds`, each seed once: ids, test scores, and
    whether they meet every constraint. `projection` is the option of that name, None where the method has none.
    """

    method: MethodVariant
    projection: str | None
    score_name: str
    seeds: tuple[int, ...]
    ids: tuple[str, ...]
    scores: tuple[float, ...]
    feasible: tuple[bool, ...]

    @property
    def fits(self) -> str:
        """The runs that meet every constraint, of all of them: "2/3"."""
        return f"{sum(self.feasible)}/{len(self.feasible)}"

    def paired(self, other: "MethodRuns") -> tuple["MethodRuns", "MethodRuns"]:
        """Both sides cut to the seeds that they share."""
        both = set(self.seeds) & set(other.seeds)
        return self._select_seeds(both), other._select_seeds(both)

    def _select_seeds(self, seeds: set[int]) -> "MethodRuns":
        at = [i for i, seed in enumerate(self.seeds) if seed in seeds]
        columns: Any = (tuple(column[i] for i in at) for column in (self.seeds, self.ids, self.scores, self.feasible))
        return MethodRuns(self.method, self.projection, self.score_name, *columns)


def compare_predictions(store: Store, method: MethodRuns, reference: MethodRuns) -> PairedDifference:
    """Compare the finished runs of two methods by their predictions in `store`, paired by seed.

    Raises:
        IncomparableRunsError: no seed ran on both sides, or there are no predictions of the same examples that give
            the recorded scores back.
    """
    sides = [[_read_predictions(store, side, i) for i in range(len(side.ids))] for side in method.paired(reference)]
    if not sides[0]:
        raise IncomparableRunsError("no seed has finished on both sides")
    target, _ = sides[0][0]
    if not all(np.array_equal(target, other) for side in sides for other, _ in side):
        raise IncomparableRunsError("the predictions are of different examples")
    first, second = ([values for _, values in side] for side in sides)
    return paired_difference(method.score_name, target, first, second)


def _read_predictions(store: Store, runs: MethodRuns, i: int) -> tuple[NDArray[np.int16], Floats]:
    """True classes of a run's test split (N,) and, per example, 1.0 where it is right or the anomaly score (N,), if
    they give its recorded score back.
    """
    try:
        content = store.read_file(runs.ids[i], "predictions.npz")
        with np.load(io.BytesIO(content or b""), allow_pickle=False) as file:
            target = file["target"]
            value = (file["error"] if "error" in file else file["predicted"] == target).astype(float)
        if not target.ndim == value.ndim == 1 == len({*target.shape, *value.shape}):
            raise ValueError("not one number an example")
    except Exception:  # zlib, zipfile and numpy raise a dozen types on damaged bytes
        raise IncomparableRunsError("a record keeps no predictions that can be read") from None
    parts = _score_parts(runs.score_name, target, value)
    if not abs(_mean_of_parts(runs.score_name, target, parts) - runs.scores[i]) < _SCORE_TOLERANCE:
        raise IncomparableRunsError(f"{runs.score_name} cannot be computed from the predictions")
    return target, value


def runs_by_group(df: pd.DataFrame) -> dict[Group, MethodRuns]:
    """The runs of each GROUP of `report_frame` that finished with a score; of several of one seed the first counts."""
    done = df[(df["status"] == "done") & df["score"].notna()].drop_duplicates([*GROUP, "seed"])
    by_group: dict[Group, MethodRuns] = {}
    groups: Any = done.sort_values([*GROUP, "seed"], kind="stable").groupby(GROUP)
    for key, runs in groups:
        by_seed = (tuple(runs[name].tolist()) for name in ("seed", "id", "score", "feasible"))
        first = runs.iloc[0]
        by_group[key] = MethodRuns(key[-1], projection_of(first["options"]), first["score_name"], *by_seed)
    return by_group


def paired_difference(
    score_name: str, target: ArrayLike, first: Sequence[ArrayLike], second: Sequence[ArrayLike]
) -> PairedDifference:
    """The difference of mean scores of paired runs, `first` minus `second`, on the same test examples.

    `target` (N,) holds true classes; each run (N,) whether it is right, or anomaly scores for `score_name` "auc".
    What the test examples add is estimated as in an analysis of variance of pairs by examples: the variance of the
    mean over pairs holds what examples add to all pairs alike and a share of 1/n of what they add to single ones, the
    mean variance of a pair holds all of both. The latter part is in the pairs' spread, and not counted twice.

    Raises:
        IncomparableRunsError: the score is none of accuracy, balanced_accuracy and auc.
    """
    labels = np.asarray(target)
    sides = ((_score_parts(score_name, labels, np.asarray(run, float)) for run in side) for side in (first, second))
    parts = [ours - theirs for ours, theirs in zip(*sides, strict=True)]
    n, by_pair = len(parts), [_mean_of_parts(score_name, labels, part) for part in parts]
    spread = float(np.std(by_pair, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    of_mean = _variance_over_examples(score_name, labels, np.mean(parts, axis=0))
    of_pairs = float(np.mean([_variance_over_examples(score_name, labels, part) for part in parts]))
    common = max(0.0, (n * of_mean - of_pairs) / (n - 1)) if n > 1 else math.nan
    return PairedDifference(float(np.mean(by_pair)), spread, math.sqrt(common), n, len(labels))


def _score_parts(score_name: str, target: NDArray[np.int16], value: Floats) -> Floats:
    """What a run's score is a mean of: 1 where an example is right (N,), or where an abnormal example is above a
    normal one (abnormal, normal), a half where they are equal.
    """
    if score_name != "auc":
        return value
    abnormal, normal = value[target > 0][:, None], value[target == 0]
    wins: Floats = (abnormal > normal) + 0.5 * (abnormal == normal)
    return wins


def _mean_of_parts(score_name: str, target: NDArray[np.int16], parts: Floats) -> float:
    if score_name == "auc":
        return float(parts.mean())
    return float(np.mean([parts[members].mean() for members in _strata(score_name, target)]))


def _variance_over_examples(score_name: str, target: NDArray[np.int16], parts: Floats) -> float:
    """Variance of `_mean_of_parts` over other test examples; for AUC by DeLong et al. (1988, doi:10.2307/2531595)."""
    if score_name == "auc":
        return float(sum(parts.mean(axis=axis).var() / parts.shape[1 - axis] for axis in (0, 1)))
    strata = _strata(score_name, target)
    return float(sum(parts[members].var() / len(members) for members in strata)) / len(strata) ** 2


def _strata(score_name: str, target: NDArray[np.int16]) -> list[NDArray[np.intp]]:
    """Groups of examples whose means are averaged: all of them (accuracy), or each class (balanced accuracy)."""
    if score_name == "accuracy":
        return [np.arange(len(target))]
    if score_name == "balanced_accuracy":
        return [np.flatnonzero(target == label) for label in np.unique(target)]
    raise IncomparableRunsError(f"{score_name} is no mean over examples, nor an AUC")
