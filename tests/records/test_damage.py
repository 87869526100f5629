"""Files that are cut at any byte, or have one flipped bit: each is found to be damaged, or reads as it was written."""

import dataclasses
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from synthetic import make_record

from suite import SuiteError
from suite.data.files import DamagedError
from suite.records.archiving import archive_experiment
from suite.records.record import DamagedRecordError, RunRecord
from suite.records.store import Store, encode_run_files
from suite.records.tensors import load_intact, load_tensors, save_tensors

RECORD = dataclasses.replace(make_record(), error="half a character: caf\udce9", scores={"test": float("nan")})


def damaged(content: bytes, every: int = 1) -> Iterator[bytes]:
    """The content cut at every byte, and with a bit flipped in every byte; at each `every`-th of them."""
    rng = random.Random(0)
    for i in range(0, len(content), every):
        yield content[:i]
        yield content[:i] + bytes([content[i] ^ 1 << rng.randrange(8)]) + content[i + 1 :]


def test_a_damaged_record_is_found() -> None:
    content = RECORD.to_json().encode()
    expected = RunRecord.from_json(content).to_json()
    found = 0
    for other in damaged(content, every=3):
        try:
            assert RunRecord.from_json(other).to_json() == expected
        except DamagedRecordError:
            found += 1
    assert found > len(content) / 2


def test_a_record_from_before_there_were_checksums_is_read() -> None:
    lines = [line for line in make_record().to_json().splitlines() if not line.startswith(' "checksum"')]
    assert RunRecord.from_json("\n".join(lines)) == make_record()


def test_damaged_tensors_are_found(tmp_path: Path) -> None:
    path, state = tmp_path / "state.pt", {"weights": torch.arange(100.0), "epoch": 3, "name": "x"}
    save_tensors(path, state)
    content, found = path.read_bytes(), 0
    for other in damaged(content, every=7):
        path.write_bytes(other)
        try:
            loaded = load_tensors(path)
            assert torch.equal(loaded["weights"], state["weights"])
            assert (loaded["epoch"], loaded["name"]) == (3, "x")
        except DamagedError:
            found += 1
    assert found > len(content) / 7
    path.write_bytes(content[:-1])
    assert load_intact(path) is None
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt.damaged"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two runs with histories."""
    store = Store(tmp_path, "example")
    for seed in range(2):
        store.write(make_record(seed=seed), encode_run_files(history=pd.DataFrame({"loss": [1.0, 0.5, seed]})))
    return store


def test_a_damaged_archive_is_found(store: Store) -> None:
    """No run vanishes from it, none has another result."""
    archive_experiment(store, remove=True)
    path, content = store.archive.path, store.archive.path.read_bytes()
    runs = store.run_ids()
    expected = {(run, name): store.read_file(run, name) for run in runs for name in store.run_files(run)}
    found = 0
    for other in damaged(content, every=3):
        path.unlink()
        path.write_bytes(other)
        try:
            again = Store(store.root, store.experiment)
            assert again.run_ids() == runs
            assert {
                (run, name): again.read_file(run, name) for run in runs for name in again.run_files(run)
            } == expected
        except (SuiteError, OSError):
            found += 1
    assert found > len(content) / 3


def test_an_archive_from_before_there_were_digests_is_read(store: Store) -> None:
    archive_experiment(store, remove=True)
    with zipfile.ZipFile(store.archive.path, "a") as archive:
        archive.comment = b""
    assert len(Store(store.root, store.experiment).records()) == 2


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:9] + bytes([c[9] ^ 1]) + c[10:]])
def test_a_damaged_file_of_a_run_is_named_and_not_read(damage: Callable[[bytes], bytes], store: Store) -> None:
    run = make_record().id
    path = store.run_folder(run) / "history.parquet"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError, match=str(path)):
        store.read_file(run, "history.parquet")
    with pytest.raises(SuiteError, match=str(path)):
        archive_experiment(store, remove=True)
    assert path.exists()


def test_a_damaged_record_is_set_aside_for_a_run_and_one_of_another_schema_is_not(store: Store) -> None:
    torn, newer = (make_record(seed=seed) for seed in range(2))
    folder = store.run_folder(torn.id)
    (folder / "record.json").write_text(torn.to_json().replace('"seed": 0', '"seed": 1', 1))
    assert store.read_or_set_aside(torn.id) is None
    assert (folder / "record.json.damaged").exists()
    assert "record.json.damaged" not in store.run_files(torn.id)
    store.write(dataclasses.replace(newer, schema=99))
    with pytest.raises(SuiteError, match="update the suite"):
        store.read_or_set_aside(newer.id)
