"""CIFAR-10 as its authors publish it: downloaded once or taken from a folder, its checksum verified."""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import torch
from numpy.typing import NDArray

from suite.data.archives import load_restricted_pickle, read_members
from suite.data.base import Data, Split
from suite.data.cache import Splits, cached_splits, file_digest, megabytes
from suite.data.splits import stratified_validation
from suite.errors import SuiteError

ARCHIVE = "cifar-10-python.tar.gz"
UNPACKED = "cifar-10-batches-py"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MD5S = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
META = {
    "title": "CIFAR-10, 60,000 images of 32 x 32 pixels",
    "source": URL,
    "licence": "none stated; cite Krizhevsky 2009",
}
VALIDATION_SHARE = 0.1
PIXELS = 3 * 32 * 32

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Cifar10Source:
    """The official archive in `folder`, packed or unpacked; else in the user's cache, downloaded (170 MB).

    The checksums are fields so that smaller archives of the same layout can be read too.
    """

    folder: Path | None = None
    download: bool = True
    url: str = URL
    archive_sha256: str = SHA256
    batch_md5s: tuple[tuple[str, str], ...] = tuple(MD5S.items())

    def describe(self) -> dict[str, str]:
        """Title, place, licence, present ("yes" or "no") and size; downloads nothing and checks no sum."""
        facts = {"title": META["title"], "licence": META["licence"]}
        found = self._find()
        if found is None:
            return facts | {"place": self.url, "present": "no", "size": "-"}
        files = found.iterdir() if found.is_dir() else [found]
        size = megabytes(sum(file.stat().st_size for file in files))
        return facts | {"place": str(found), "present": "yes", "size": size}

    def fingerprint(self) -> str:
        """SHA-256 of the official archive in hex; nothing with another checksum is ever loaded.

        Raises:
            SuiteError: the data is not here and may not be downloaded.
        """
        if self._find() is None and not self.download:
            raise self._missing("not found, and benchmark.data.download=false")
        return self.archive_sha256

    def load(self, cache: Path) -> Data:
        """Images uint8 (N, 3, 32, 32): the official test set, and a tenth of each training class to validate.

        The parsed arrays are kept under `cache`; a download goes to the user's cache folder.

        Raises:
            SuiteError: the data is missing and cannot be downloaded, or does not have the checksum.
        """
        splits = cached_splits(cache, self.fingerprint(), self._build)
        return Data(*splits, classes=CLASSES, meta=META)

    def _find(self) -> Path | None:
        """The archive or the unpacked folder on this machine, unchecked."""
        folders = [] if self.folder is None else [self.folder]
        candidates = [folder / name for folder in folders for name in (ARCHIVE, UNPACKED)]
        return next((path for path in [*candidates, _downloaded()] if path.exists()), None)

    def _build(self) -> Splits:
        found = self._find()
        if self.download and found in (None, _downloaded()):
            found = self._retrieve()
        if found is None:
            raise self._missing("not found, and benchmark.data.download=false")
        contents = self._unpacked(found) if found.is_dir() else self._packed(found)
        train: list[Batch] = []
        test: list[Batch] = []
        for name, _ in self.batch_md5s:
            # popped, since the bytes are as large as the images
            batch = _parse(contents.pop(name), f"{found}: {name}")
            (test if name == "test_batch" else train).append(batch)
        x, y = _join(train)
        held_out = stratified_validation(y, share=VALIDATION_SHARE)
        parts = (x[~held_out], y[~held_out]), (x[held_out], y[held_out]), _join(test)
        return Splits(*(Split(torch.from_numpy(x), torch.from_numpy(y)) for x, y in parts))

    def _retrieve(self) -> Path:
        """The downloaded archive, fetched anew where it is missing or damaged."""
        target = _downloaded()
        try:
            pooch.retrieve(
                self.url,
                known_hash=f"sha256:{self.archive_sha256}",
                fname=target.name,
                path=target.parent,
                progressbar=sys.stderr.isatty(),
            )
        except (OSError, ValueError) as error:
            raise self._missing(f"cannot be downloaded from {self.url} ({error})") from error
        return target

    def _packed(self, archive: Path) -> dict[str, bytes]:
        self._check_archive(archive)
        names = {f"{UNPACKED}/{name}": name for name, _ in self.batch_md5s}
        return {names[member]: content for member, content in read_members(archive, list(names)).items()}

    def _check_archive(self, archive: Path) -> None:
        try:
            found = file_digest(archive)
        except OSError as error:
            raise SuiteError(f"{archive}: cannot be read ({error.strerror})") from error
        if found != self.archive_sha256:
            raise SuiteError(f"{archive}: its SHA-256 is {found}, not {self.archive_sha256}; download it again")

    def _unpacked(self, folder: Path) -> dict[str, bytes]:
        contents = {}
        for name, expected in self.batch_md5s:
            try:
                contents[name] = (folder / name).read_bytes()
            except OSError as error:
                raise SuiteError(f"{folder / name}: cannot be read ({error.strerror})") from error
            found = hashlib.md5(contents[name], usedforsecurity=False).hexdigest()
            if found != expected:
                raise SuiteError(f"{folder / name}: its MD5 is {found}, not {expected}; unpack {ARCHIVE} again")
        return contents

    def _missing(self, reason: str) -> SuiteError:
        folder = f" benchmark.data.folder={self.folder} holds neither it nor {UNPACKED}/." if self.folder else ""
        return SuiteError(
            f"{ARCHIVE}: {reason}.{folder} Put it into a folder and give that with benchmark.data.folder=DIR "
            "or SUITE_DATA_DIR=DIR, or give a pack with benchmark.data.pack=FILE"
        )


def _downloaded() -> Path:
    return Path(pooch.os_cache("tinyml-nas-suite")) / ARCHIVE


def _parse(content: bytes, name: str) -> Batch:
    """Images (N, 3, 32, 32) and labels (N,) of one pickled batch."""
    batch = load_restricted_pickle(content, name)
    x, y = (batch.get(b"data"), batch.get(b"labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != PIXELS:
        raise SuiteError(f"{name}: lacks data (N, {PIXELS}) uint8")
    if not isinstance(y, list) or len(y) != len(x) or not all(label in range(len(CLASSES)) for label in y):
        raise SuiteError(f"{name}: lacks a list of {len(x)} labels from 0 to {len(CLASSES) - 1}")
    return x.reshape(-1, 3, 32, 32), np.array(y, dtype=np.int64)


def _join(batches: Iterable[Batch]) -> Batch:
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)
