"""The fuzzers see what they are for: an error without a reason, a connection, a file elsewhere, memory, a bad exit."""

import json
import mmap
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import Fuzz, FuzzTally, OutsideError, as_json, campaign, damaged, mutated, suite
from hypothesis import find, settings
from hypothesis import strategies as st

from suite.data.files import write_atomic

FIND = settings(max_examples=2000, database=None, deadline=None)


def _raise(error: Exception) -> None:
    raise error


def _take_memory() -> None:
    with mmap.mmap(-1, 2 << 30) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1


def _connect_and_hide_it() -> None:
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=0.1)
    except Exception:
        return


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (lambda folder: _raise(KeyError("macs")), KeyError),
        (lambda folder: _connect_and_hide_it(), AssertionError),
        (lambda folder: subprocess.run(["true"], check=True), OutsideError),
        (lambda folder: write_atomic(folder.parent / "elsewhere", b""), AssertionError),
        (lambda folder: (folder / ".." / "elsewhere").mkdir(), OutsideError),
        (lambda folder: _take_memory(), AssertionError),
        (lambda folder: suite("show"), None),
        (lambda folder: (folder / "within").write_text(""), None),
    ],
    ids=("no reason", "connection", "program", "file elsewhere", "folder elsewhere", "memory", "usage", "file within"),
)
def test_what_is_a_finding(
    action: Callable[[Path], Any], error: type[BaseException] | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder, tally = tmp_path / "watched", FuzzTally()
    folder.mkdir()
    fuzz = Fuzz(st.just(0), lambda _: action(folder))
    if error is None:
        campaign(fuzz, folder, tally, seconds=0, seed=3, examples=2)
    else:
        with pytest.raises(error) as raised:
            campaign(fuzz, folder, tally, seconds=0, seed=3, examples=2)
        assert any("seed=3" in note for note in raised.value.__notes__)
    assert (tally.findings, tally.examples > 0) == (int(error is not None), True)
    assert not (tmp_path / "elsewhere").exists()


def test_one_seed_gives_the_same_inputs(tmp_path: Path) -> None:
    drawn: list[list[Any]] = []
    for seed in (1, 1, 2):
        inputs: list[Any] = []
        fuzz = Fuzz(damaged(b"some content"), inputs.append)
        campaign(fuzz, tmp_path, FuzzTally(), seconds=0, seed=seed, examples=20)
        drawn.append(inputs)
    assert drawn[0] == drawn[1] != drawn[2]


TREE = {"a": [1, {"b": "c"}], "d": {}}


@pytest.mark.parametrize(
    "wanted",
    [
        lambda tree: "d" not in tree,
        lambda tree: tree["a"] is None,
        lambda tree: tree["a"][1]["b"] == 10**400,
        lambda tree: tree["d"] != tree["d"],
        lambda tree: tree["a"] == {"odd": TREE["a"]},
        lambda tree: "_target_" in tree["a"][1],
    ],
    ids=("gone", "null", "huge", "NaN", "nested", "unknown key"),
)
def test_trees_are_changed_in_every_way(wanted: Callable[[Any], bool]) -> None:
    def holds(tree: Any) -> bool:
        try:
            return wanted(tree)
        except (TypeError, LookupError):
            return False

    find(mutated(TREE), holds, settings=FIND)
    assert json.loads(as_json(TREE)) == TREE


@pytest.mark.parametrize(
    "wanted",
    [lambda c: c == b"abc", lambda c: len(c) == 6 and c != b"abcdef", lambda c: b"[" * 9000 in c, b"abcdefdef".__eq__],
    ids=("cut", "flipped", "nested", "twice"),
)  # fmt: skip
def test_bytes_are_damaged_in_every_way(wanted: Callable[[bytes], bool]) -> None:
    find(damaged(b"abcdef"), wanted, settings=FIND)
