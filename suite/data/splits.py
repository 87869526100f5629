"""Validation sets that never move: chosen by a hash of the example's index, whatever the run's seed."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def stratified_validation(
    y: NDArray[np.integer], *, per_class: int | None = None, share: float | None = None
) -> NDArray[np.bool_]:
    """Mask (N,), True where an example of the training set `y` (N,) belongs to validation.

    In every class, the examples with the smallest SHA-256 of their index (its decimal digits) are taken:
    `per_class` of them, or the nearest whole number to `share` of the class, at least one. Exactly one of the
    two is given.

    Raises:
        ValueError: both or neither given, out of range, or a class would keep no example for training.
    """
    if (per_class is None) == (share is None):
        raise ValueError("give either per_class or share")
    if per_class is not None and per_class < 1:
        raise ValueError(f"per_class={per_class} must be at least 1")
    if share is not None and not 0 < share < 1:
        raise ValueError(f"share={share} must lie between 0 and 1")
    rank = _hash_rank(len(y))
    mask = np.zeros(len(y), dtype=np.bool_)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        count = per_class if share is None else max(1, round(share * len(members)))
        if count is None or count >= len(members):
            raise ValueError(f"class {label} has {len(members)} examples: {count} for validation leave none to train")
        mask[members[np.argsort(rank[members])[:count]]] = True
    return mask


def _hash_rank(n: int) -> NDArray[np.int64]:
    """Position (n,) of each index in the order of its hash."""
    digests = [hashlib.sha256(str(index).encode()).digest() for index in range(n)]
    rank = np.empty(n, dtype=np.int64)
    rank[sorted(range(n), key=digests.__getitem__)] = np.arange(n)
    return rank
