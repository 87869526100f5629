import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from synthetic import make_record

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.statistics.comparison import (
    IncomparableRunsError,
    MethodRuns,
    compare_predictions,
    paired_difference,
    runs_by_group,
)

Array = NDArray[np.float64]


def right(rng: np.random.Generator, hardness: Array, accuracy: float) -> Array:
    """Whether a network of that expected accuracy is right (N,), more often on examples that are easy for all."""
    noise = rng.normal(size=len(hardness))
    return ((hardness + noise) / math.sqrt(2) < norm.ppf(accuracy)).astype(float)


def simulated(
    rng: np.random.Generator, lead: float, spread: float, examples: int = 1000
) -> tuple[list[Array], list[Array]]:
    """Three pairs of networks of expected accuracies 0.9 + lead and 0.9, each spread over seeds."""
    hardness = rng.normal(size=examples)
    methods, references = (0.9 + base + spread * rng.normal(size=3) for base in (lead, 0.0))
    return [right(rng, hardness, p) for p in methods], [right(rng, hardness, p) for p in references]


def test_difference_and_its_errors_are_those_of_pairs_and_examples() -> None:
    a, b = simulated(np.random.default_rng(3), 0.0, 0.02)
    found = paired_difference("accuracy", np.zeros(1000), a, b)
    by_pair = np.mean(a, axis=1) - np.mean(b, axis=1)
    assert found.difference == pytest.approx(by_pair.mean())
    assert found.seed_error == pytest.approx(by_pair.std(ddof=1) / math.sqrt(3))
    assert (found.pairs, found.examples) == (3, 1000)


def test_what_examples_add_to_all_pairs_alike_is_their_error() -> None:
    # Both sides differ on the same 100 of 1000 examples in every pair, so pairs add nothing.
    right_once = np.r_[np.zeros(100), np.ones(900)]
    found = paired_difference("accuracy", np.zeros(1000), [np.ones(1000)] * 3, [right_once] * 3)
    assert found.seed_error == pytest.approx(0, abs=1e-12)
    assert found.example_error == pytest.approx(math.sqrt(0.1 * 0.9 / 1000))


def test_what_examples_add_to_single_pairs_is_in_their_spread_and_not_counted_twice() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        a, b = rng.integers(0, 2, (2, 5, 400))
        errors.append(paired_difference("accuracy", np.zeros(400), list(a), list(b)).example_error ** 2)
    of_a_single_pair = 0.5 / 400
    assert np.mean(errors) < 0.1 * of_a_single_pair


def test_a_single_pair_has_no_errors() -> None:
    a, b = simulated(np.random.default_rng(0), 0.0, 0.0)
    found = paired_difference("accuracy", np.zeros(1000), a[:1], b[:1])
    assert math.isnan(found.seed_error)
    assert math.isnan(found.example_error)


def redrawn(rng: np.random.Generator, target: Array) -> NDArray[np.intp]:
    """A bootstrap sample of the examples of each class."""
    classes = (np.flatnonzero(target == label) for label in np.unique(target))
    return np.concatenate([rng.choice(members, len(members)) for members in classes])


def test_errors_of_examples_for_auc_and_balanced_accuracy_are_those_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat([0, 1], [200, 100])
    # Three equal pairs: all that examples add, they add alike.
    errors = [target * shift + rng.normal(size=300) for shift in (1.2, 0.8)]
    answers = [(rng.uniform(size=300) < p) * 1.0 for p in (0.9, 0.8)]
    for name, (a, b), score in (
        ("auc", errors, roc_auc_score),
        ("balanced_accuracy", answers, lambda y, right: np.mean([right[y == c].mean() for c in (0, 1)])),
    ):
        found = paired_difference(name, target, [a] * 3, [b] * 3)
        assert found.difference == pytest.approx(score(target, a) - score(target, b))
        samples = [redrawn(rng, target) for _ in range(400)]
        drawn = [score(target[at], a[at]) - score(target[at], b[at]) for at in samples]
        assert found.example_error == pytest.approx(np.std(drawn), rel=0.12)


def test_errors_of_examples_for_auc_are_delongs_where_one_class_is_rare() -> None:
    """Two abnormal examples and eight normal ones; three equal pairs, the second of them a coin."""
    rng = np.random.default_rng(3)
    target, a = np.repeat([0, 1], [8, 2]), rng.normal(size=10)
    wins = (a[8:, None] > a[None, :8]) - 0.5
    expected = wins.mean(axis=1).var() / 2 + wins.mean(axis=0).var() / 8
    found = paired_difference("auc", target, [a] * 3, [np.zeros(10)] * 3)
    assert found.example_error == pytest.approx(math.sqrt(expected))


def test_auc_counts_ties_half() -> None:
    target, error = np.array([0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.9])
    assert paired_difference("auc", target, [error], [np.zeros(4)]).difference == pytest.approx(0.875 - 0.5)


def test_balanced_accuracy_weighs_classes_equally() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat([0, 1, 2], [700, 50, 50])
    a, b = (np.where(rng.uniform(size=800) < p, target, (target + 1) % 3) for p in (0.9, 0.8))
    found = paired_difference("balanced_accuracy", target, [(a == target) * 1.0], [(b == target) * 1.0])
    assert found.difference == pytest.approx(balanced_accuracy_score(target, a) - balanced_accuracy_score(target, b))


def test_runs_that_are_no_pairs_are_refused() -> None:
    right = [np.ones(4)] * 3
    with pytest.raises(ValueError, match="shorter"):
        paired_difference("accuracy", np.zeros(4), right, right[:2])


def test_unknown_scores_are_refused() -> None:
    with pytest.raises(IncomparableRunsError, match="top5 is no mean"):
        paired_difference("top5", np.zeros(4), [np.ones(4)], [np.ones(4)])


def stored(store: Store, method: str, seed: int, correct: Array, **changes: object) -> RunRecord:
    """A record with predictions of ten classes that are right where `correct` says."""
    target = np.arange(len(correct)) % 10
    record = make_record(method=method, seed=seed, scores={"test": float(correct.mean())}, **changes)  # type: ignore[arg-type]
    predicted = np.where(correct > 0, target, (target + 1) % 10).astype(np.int16)
    store.write(record, encode_run_files(predictions={"predicted": predicted, "target": target.astype(np.int16)}))
    return record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, "example")


def both(store: Store, *records: RunRecord) -> list[MethodRuns]:
    return list(runs_by_group(report_frame(records)).values())


def test_runs_are_paired_by_seed_and_read_from_the_store(store: Store) -> None:
    a, b = simulated(np.random.default_rng(0), 0.0, 0.0)
    records = [stored(store, "duccio", seed, a[seed]) for seed in range(3)]
    records += [stored(store, "hand_tuned", seed, b[seed]) for seed in (2, 0)]
    duccio, reference = both(store, *records)
    assert compare_predictions(store, duccio, reference) == paired_difference(
        "accuracy", np.zeros(1000), [a[0], a[2]], [b[0], b[2]]
    )


def test_anomaly_scores_are_read_as_such(store: Store) -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 100).astype(np.int16)
    records = []
    for method in ("duccio", "hand_tuned"):
        error = (target + rng.normal(size=100)).astype(np.float32)
        scores = {"test": float(roc_auc_score(target, error))}
        records.append(make_record(method=method, score_name="auc", scores=scores))
        store.write(records[-1], encode_run_files(predictions={"error": error, "target": target}))
    duccio, reference = both(store, *records)
    found = compare_predictions(store, duccio, reference)
    assert found.difference == pytest.approx(records[0].scores["test"] - records[1].scores["test"])


def test_what_cannot_be_compared_says_why(store: Store) -> None:
    good, half = np.ones(40), np.r_[np.ones(20), np.zeros(20)]
    reference = stored(store, "hand_tuned", 0, good)
    for other, reason in (
        (stored(store, "duccio", 1, good), "no seed"),
        (make_record(method="nsga2"), "no predictions"),
        (stored(store, "tpe", 0, np.ones(41)), "different examples"),
        (dataclasses.replace(stored(store, "random", 0, half), scores={"test": 0.9}), "cannot be computed"),
    ):
        first, second = both(store, other, reference)
        with pytest.raises(IncomparableRunsError, match=reason):
            compare_predictions(store, first, second)


def test_torn_predictions_are_no_predictions(store: Store) -> None:
    records = [stored(store, method, 0, np.ones(40)) for method in ("duccio", "hand_tuned")]
    path = store.run_folder(records[0].id) / "predictions.npz"
    path.write_bytes(path.read_bytes()[:100])
    first, second = both(store, *records)
    with pytest.raises(IncomparableRunsError, match="no predictions"):
        compare_predictions(store, first, second)


@pytest.mark.parametrize(("predicted", "target"), [((40, 1), (40, 1)), ((), ()), ((40,), (1,))])
def test_predictions_of_another_shape_are_none(
    store: Store, predicted: tuple[int, ...], target: tuple[int, ...]
) -> None:
    odd = make_record(method="duccio", scores={"test": 1.0})
    arrays = {"predicted": np.zeros(predicted, np.int16), "target": np.zeros(target, np.int16)}
    store.write(odd, encode_run_files(predictions=arrays))
    first, second = both(store, odd, stored(store, "hand_tuned", 0, np.ones(40)))
    with pytest.raises(IncomparableRunsError, match="no predictions that can be read"):
        compare_predictions(store, first, second)
