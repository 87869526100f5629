"""Validation splits chosen by a hash of each example's index, so that they are the same for every random seed."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def stratified_validation(y: NDArray[np.integer], *, share: float) -> NDArray[np.bool_]:
    """Mask (N,), True for the examples of a training set with labels `y` (N,) that become the validation split.

    In every class, these are the share `share` of the examples, rounded and at least one: those with the smallest
    SHA-256 of their index (its decimal digits).

    Raises:
        ValueError: `share` is out of range, or a class would have no example left for training.
    """
    if not 0 < share < 1:
        raise ValueError(f"share={share} must lie between 0 and 1")
    digests = [hashlib.sha256(str(index).encode()).digest() for index in range(len(y))]
    mask = np.zeros(len(y), dtype=np.bool_)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        count = max(1, round(share * len(members)))
        if count >= len(members):
            raise ValueError(f"class {label} has {len(members)} examples: {count} for validation leave none to train")
        mask[sorted(members, key=digests.__getitem__)[:count]] = True
    return mask
