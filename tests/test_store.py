"""Records and files: atomic, content-addressed, upgraded or refused by schema."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import suite.record
from suite.errors import SuiteError
from suite.files import write_atomic
from suite.record import RecordError, RunRecord
from suite.store import Store, content_id, load_tensors, save_tensors

RECORD = RunRecord(
    id="abc", experiment="e", status="done", benchmark="digits", method="duccio", device="gap8", preset="short", seed=0,
    budget="weights 25%", targets={"weights": 1.0}, units={"weights": "B"}, config={"a": [1, 2]},
    scores={"test": 0.5}, candidates=({"name": "x"},), artefacts=("y",),
)  # fmt: skip


def test_a_record_survives_json() -> None:
    assert RunRecord.from_json(RECORD.to_json()) == RECORD


def test_the_id_depends_on_content_not_on_order() -> None:
    assert content_id({"a": 1, "b": {"c": 2, "d": 3}}) == content_id({"b": {"d": 3, "c": 2}, "a": 1})
    assert content_id({"a": 1}) != content_id({"a": 2})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1, "id": "a"}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        RunRecord.from_json(text)


def test_a_newer_schema_is_refused_and_an_older_one_upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = dataclasses.asdict(RECORD) | {"schema": 99}
    with pytest.raises(RecordError, match="newer"):
        RunRecord.from_json(json.dumps(raw))

    def upgrade(old: dict) -> dict:
        return {k: v for k, v in old.items() if k != "old"} | {"budget": old["old"], "schema": 1}

    monkeypatch.setitem(suite.record._UPGRADES, 0, upgrade)
    raw = dataclasses.asdict(RECORD) | {"schema": 0, "old": "weights 9%"}
    assert RunRecord.from_json(json.dumps(raw)).budget == "weights 9%"


def test_a_run_without_record_never_happened(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    store.run_folder("abc").mkdir(parents=True)
    (store.run_folder("abc") / "history.parquet").write_bytes(b"half")
    assert store.read("abc") is None
    assert store.records() == []


def test_all_files_of_a_run(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    history = pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 0.5]})
    store.write(RECORD, history=history, predictions={"predicted": np.arange(3)}, architecture={"widths": {}})
    folder = store.run_folder("abc")
    assert pd.read_parquet(folder / "history.parquet").equals(history)
    assert np.load(folder / "predictions.npz")["predicted"].tolist() == [0, 1, 2]
    assert store.records() == [RECORD]
    assert not list(folder.glob("*.tmp"))


def test_one_broken_record_never_hides_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path, "e")
    store.write(RECORD)
    write_atomic(store.run_folder("zzz") / "record.json", b"{torn")
    assert store.records() == [RECORD]
    assert "zzz" in caplog.text


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_tensor_files_execute_nothing(tmp_path: Path) -> None:
    import pickle

    import torch

    class Evil:
        def __reduce__(self) -> tuple:
            return (os.system, ("touch " + str(tmp_path / "pwned"),))

    save_tensors(tmp_path / "good.pt", {"a": torch.ones(2)})
    assert load_tensors(tmp_path / "good.pt")["a"].tolist() == [1, 1]
    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(pickle.UnpicklingError):
        load_tensors(tmp_path / "evil.pt")
    assert not (tmp_path / "pwned").exists()


def test_an_unwritable_folder_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SuiteError, match="results_dir="):
        Store(tmp_path / "file", "e").check_writable()
