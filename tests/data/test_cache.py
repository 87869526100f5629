import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.data.base import Split
from suite.data.cache import Splits, cached_splits, file_digest

KEY = "0123abcd"


def part(n: int) -> Split:
    return Split(torch.arange(n * 12, dtype=torch.uint8).view(n, 3, 2, 2), torch.arange(n))


SPLITS = {"train": part(5), "validation": part(2), "test": part(3)}


class Build:
    """Counts how often the splits had to be built."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Splits:
        self.calls += 1
        return SPLITS


def same(one: Splits, other: Splits) -> bool:
    return all(
        torch.equal(a.x, b.x) and torch.equal(a.y, b.y) and (a.x.dtype, a.y.dtype) == (b.x.dtype, b.y.dtype)
        for a, b in zip(one.values(), other.values(), strict=True)
    )


def test_builds_once_and_gives_the_same_back(tmp_path):
    build = Build()
    assert same(cached_splits(tmp_path, KEY, build), SPLITS)
    assert same(cached_splits(tmp_path, KEY, build), SPLITS)
    assert build.calls == 1


def test_another_fingerprint_is_built_on_its_own(tmp_path):
    build = Build()
    cached_splits(tmp_path, KEY, build)
    cached_splits(tmp_path, KEY[::-1], build)
    assert build.calls == 2


def test_a_failing_build_leaves_no_file(tmp_path):
    def fail() -> Splits:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        cached_splits(tmp_path, KEY, fail)
    assert list(tmp_path.iterdir()) == []


def flip(file: Path, good: bytes) -> None:
    spot = good.index(SPLITS["train"].x.numpy().tobytes()) + 7
    file.write_bytes(good[:spot] + bytes([good[spot] ^ 1]) + good[spot + 1 :])


def truncate(file: Path, good: bytes) -> None:
    file.write_bytes(good[: len(good) // 2])


def empty(file: Path, _: bytes) -> None:
    file.write_bytes(b"")


def put_another_npz(file: Path, _: bytes) -> None:
    np.savez(file, train_x=np.zeros(3))


def put_an_array(file: Path, _: bytes) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.zeros(3))


def drop_labels(file: Path, _: bytes) -> None:
    arrays = {f"{name}_{key}": getattr(split, key) for name, split in SPLITS.items() for key in "xy"}
    np.savez(file, **arrays | {"test_y": arrays["test_y"][:-1]})


@pytest.mark.parametrize("damage", [flip, truncate, empty, put_another_npz, put_an_array, drop_labels])
def test_a_damaged_file_is_rebuilt_not_trusted(tmp_path, caplog, damage):
    build = Build()
    cached_splits(tmp_path, KEY, build)
    (file,) = tmp_path.iterdir()
    damage(file, file.read_bytes())
    with caplog.at_level(logging.WARNING):
        assert same(cached_splits(tmp_path, KEY, build), SPLITS)
    assert f"{file}: damaged" in caplog.text
    assert same(cached_splits(tmp_path, KEY, build), SPLITS)
    assert build.calls == 2
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    assert same(cached_splits(tmp_path / "cache" / "data", KEY, Build()), SPLITS)
    assert "cannot be written" in caplog.text


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    assert same(cached_splits(tmp_path, KEY, Build()), SPLITS)
    assert list(tmp_path.iterdir()) == []


def test_an_unchanged_file_is_hashed_once(tmp_path, monkeypatch):
    (tmp_path / "p").write_bytes(b"1")
    first = file_digest(tmp_path / "p")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert file_digest(tmp_path / "p") == first


def test_md5_is_another_digest_of_the_same_file(tmp_path):
    (tmp_path / "p").write_bytes(b"1")
    assert file_digest(tmp_path / "p") == hashlib.sha256(b"1").hexdigest()
    assert file_digest(tmp_path / "p", "md5") == hashlib.md5(b"1").hexdigest()


def test_a_touched_file_is_hashed_again(tmp_path):
    (tmp_path / "p").write_bytes(b"1")
    file_digest(tmp_path / "p")
    (tmp_path / "p").write_bytes(b"2")
    os.utime(tmp_path / "p", ns=(1, 1))
    assert file_digest(tmp_path / "p") == hashlib.sha256(b"2").hexdigest()
