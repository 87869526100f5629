"""Files of our own on disk: whole or not there, with digests; decoded splits, so that images are decoded once.

The format of splits is an uncompressed .npz: zip keeps a CRC-32 of every member and checks it on reading, so a damaged
file is noticed without a checksum of our own.
"""

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from suite.data.base import Split
from suite.data.files import replacing

log = logging.getLogger(__name__)

# Raised when the decoded form of the same source changes, so that old files are not taken for new ones.
VERSION = 1


class Splits(NamedTuple):
    """The three parts of a data set, in the order of `Data`."""

    train: Split
    validation: Split
    test: Split


def file_digest(path: Path, kind: str = "sha256") -> str:
    """SHA-256, or MD5, of the file's bytes in hex, remembered while path, size and modification time stay the same.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    stat = path.stat()
    return _digest(path, kind, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: Path, kind: str, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def megabytes(size: int) -> str:
    """A file's `size` in bytes as text, such as "18.4 MB" (1 MB = 1,000,000 bytes)."""
    return f"{size / 1e6:.1f} MB"


def cached_splits(cache: Path, fingerprint: str, build: Callable[[], Splits]) -> Splits:
    """What `build` returns, from `cache` where an intact file of this `fingerprint` lies there.

    A damaged file is rebuilt. A folder that cannot be written costs time, not the run: it is logged.
    """
    path = cache / f"{fingerprint}.v{VERSION}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except Exception as error:  # zip, zlib and numpy raise a dozen types on damaged bytes
        log.warning("%s: damaged (%s), built anew", path, error)
    splits = build()
    try:
        _write(path, splits)
    except OSError as error:
        log.warning("%s: cannot be written (%s), so the data will be decoded again next time", path, error)
    return splits


def _read(path: Path) -> Splits:
    with np.load(path, allow_pickle=False) as file:
        return Splits(*(_split(file[f"{name}_x"], file[f"{name}_y"]) for name in Splits._fields))


def _split(x: np.ndarray, y: np.ndarray) -> Split:
    if y.dtype != np.int64 or y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"x {x.shape} and y {y.shape} {y.dtype} are not a split")
    return Split(torch.from_numpy(x), torch.from_numpy(y))


def _write(path: Path, splits: Splits) -> None:
    arrays = {f"{name}_{key}": getattr(split, key).numpy() for name, split in splits._asdict().items() for key in "xy"}
    with replacing(path) as file:
        np.savez(file, **arrays)
