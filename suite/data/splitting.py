"""Splits of examples that come without: whole groups, or by class alike."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from suite import SuiteError
from suite.data.examples import Examples


def split_examples(examples: Examples, validation: float, test: float, seed: int) -> NDArray[np.int64]:
    """0 train, 1 validation, 2 test for each example, (N,): as given, by whole groups, or stratified by class.

    Args:
        examples: where they have a split without validation examples, these are drawn from the training examples.
        validation, test: shares of all examples, or of all groups.
        seed: of the draw.

    Raises:
        SuiteError: a share is out of range, or a split would lack examples or a class.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise SuiteError(f"--validation={validation}, --test={test}: shares above 0 that leave examples to train on")
    split = np.zeros(len(examples.y), np.int64) if examples.split is None else np.array(examples.split, np.int64)
    if examples.split is None:
        _draw(split, examples, 2, test, seed)
    if not (split == 1).any():
        _draw(split, examples, 1, validation * len(split) / max(1, (split == 0).sum()), seed)
    for number, name in enumerate(("training", "validation", "test")):
        present = set(examples.y[split == number].tolist())
        if lacking := [label for index, label in enumerate(examples.classes) if index not in present]:
            raise SuiteError(f"the {name} split has no example of {', '.join(lacking)}")
    return split


def _draw(split: NDArray[np.int64], examples: Examples, number: int, share: float, seed: int) -> None:
    """Give a share of the training examples the split `number`."""
    training = np.flatnonzero(split == 0)
    try:
        if examples.groups is None:
            _, drawn = train_test_split(training, test_size=share, random_state=seed, stratify=examples.y[training])
        else:
            groups = examples.groups[training]
            splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
            drawn = training[next(splitter.split(training, groups=groups))[1]]
    except ValueError as error:  # too few examples or groups
        raise SuiteError(f"{len(training)} examples cannot be split further ({error})") from error
    split[drawn] = number
