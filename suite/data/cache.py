"""A cache of decoded splits on disk, so that images are decoded once; checksums of files.

Splits are cached as an uncompressed .npz: zip stores a CRC-32 of every member and checks it on reading, so a damaged
file is noticed without a checksum of its own.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from suite.data.base import Split
from suite.data.files import replacing

log = logging.getLogger(__name__)

VERSION = 1
"""To be raised when the decoded form of the same source changes, so that older cached files are not used."""


SPLIT_NAMES = ("train", "validation", "test")
"""The three parts of a data set, in the order of their numbers in a pack."""

Splits = Mapping[str, Split]
"""Name -> part of a data set."""


def file_digest(path: Path, kind: str = "sha256") -> str:
    """SHA-256, or the MD5 for kind="md5", of a file's bytes in hex, cached by path, size and modification time.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    stat = path.stat()
    return _digest(path, kind, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: Path, kind: str, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def format_megabytes(size: int) -> str:
    """Format `size` in bytes as text: 18_400_000 is "18.4 MB"."""
    return f"{size / 1e6:.1f} MB"


def cached_splits(cache: Path, fingerprint: str, build: Callable[[], Splits]) -> Splits:
    """Read the splits of the data with this `fingerprint` from the folder `cache`, or `build` and store them there.

    A damaged file is built again. If the folder cannot be written, a warning is logged and the splits are returned.
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
        return {name: _split(file[f"{name}_x"], file[f"{name}_y"]) for name in SPLIT_NAMES}


def _split(x: np.ndarray, y: np.ndarray) -> Split:
    if y.dtype != np.int64 or y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"x {x.shape} and y {y.shape} {y.dtype} are not a split")
    return Split(torch.from_numpy(x), torch.from_numpy(y))


def _write(path: Path, splits: Splits) -> None:
    arrays = {f"{name}_{key}": getattr(split, key).numpy() for name, split in splits.items() for key in "xy"}
    with replacing(path) as file:
        np.savez(file, **arrays)
