"""Records and files: atomic, content-addressed, refused where of another schema."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.record import RecordError, RunRecord
from suite.records.store import Store, content_id, encode_run_files
from suite.records.tensors import load_tensors, save_tensors

RECORD = RunRecord(
    id="abc", experiment="e", status="done", benchmark="digits", method="duccio", variant={"projection": "none"},
    options={"projection": "none"}, device="gap8", preset="short", seed=0, budget="weights 25%",
    targets={"weights": 1.0}, units={"weights": "B"}, config={"a": [1, 2]}, scores={"test": 0.5},
    candidates=({"name": "x"},), artefacts=("y",),
)  # fmt: skip


def test_a_record_survives_json() -> None:
    assert RunRecord.from_json(RECORD.to_json()) == RECORD


def test_the_id_depends_on_content_not_on_order() -> None:
    assert content_id({"a": 1, "b": {"c": 2, "d": 3}}) == content_id({"b": {"d": 3, "c": 2}, "a": 1})
    assert content_id({"a": 1}) != content_id({"a": 2})


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "\x00\x01", "[" * 100_000, '{"schema": 1, "id": "a"}', '{"schema": "1"}', '{"schema": 0}',
        '{"schema": -1}', '{"schema": 1, "config": null}', '{"schema": null}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        RunRecord.from_json(text)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": "0"}, "seed"),
        ({"scores": [0.5]}, "scores"),
        ({"config": None}, "config"),
        ({"extra": 1}, "extra"),
        ({"schema": 99}, "update the suite"),
        ({"schema": 2}, "must be made again"),
        ({"variant": "projection=none"}, "variant"),
        ({"config": {"benchmark": "digits"}}, r"config\.benchmark"),
        ({"config": {"recipe": None}}, r"config\.recipe"),
        ({"costs": {"weights": None}}, r"costs\.weights"),
        ({"targets": {"weights": "12"}}, r"targets\.weights"),
        ({"scores": {"test": "0.9"}}, r"scores\.test"),
        ({"widths": {"stem": 1.5}}, r"widths\.stem"),
        ({"meter": {"total": None}}, r"meter\.total"),
        ({"meter": {"standard_trainings": {"total": 1.0}}}, r"meter\.standard_macs"),
        ({"meter": {"standard_macs": 0}}, r"meter\.standard_macs=0 is not positive"),
        ({"meter": {"standard_macs": "many"}}, r"meter\.standard_macs is of type str"),
        ({"targets": {"weights": 0.0}}, r"targets\.weights=0\.0 is not positive"),
        ({"targets": {"weights": -5}}, r"targets\.weights=-5 is not positive"),
        ({"targets": {"weights": float("nan")}}, r"targets\.weights=nan is not positive"),
        ({"board": {"ram_limit": 0, "flash_limit": None}}, r"board\.ram_limit=0 is not positive"),
        ({"meter": {"shared": {"warm-up": {}}}}, r"meter\.shared\.warm-up"),
        ({"candidates": [None]}, "candidates"),
        ({"artefacts": [1]}, "artefacts"),
        ({"artefacts": ["../../elsewhere"]}, "artefacts: '../../elsewhere' is not the name"),
        ({"meter": {"shared": {"warm-up": {"macs": 1, "artefact": "/tmp"}}}}, "artefacts: '/tmp' is not the name"),
        ({"units": {"weights": {}}}, r"units\.weights"),
        ({"costs": {"weights": 10**400}}, r"costs\.weights is a number of 401 digits"),
        ({"meter": {"total": {"macs": -(10**309)}}}, r"meter\.total\.macs is a number of 310 digits"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_its_name(change: dict, told: str) -> None:
    raw = dataclasses.asdict(RECORD) | change
    with pytest.raises(RecordError, match=told):
        RunRecord.from_json(json.dumps(raw))


def test_an_error_text_with_half_a_character_can_be_written_again() -> None:
    record = RunRecord.from_json(dataclasses.replace(RECORD, error="cannot read caf\udce9").to_json())
    assert record.error == "cannot read caf?"


def test_a_missing_field_is_named() -> None:
    raw = dataclasses.asdict(RECORD)
    del raw["method"], raw["targets"]
    with pytest.raises(RecordError, match="method, targets"):
        RunRecord.from_json(json.dumps(raw))


def test_a_run_without_record_never_happened(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    store.run_folder("abc").mkdir(parents=True)
    (store.run_folder("abc") / "history.parquet").write_bytes(b"half")
    assert store.read("abc") is None
    assert store.records() == []


def test_all_files_of_a_run(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    history = pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 0.5]})
    store.write(
        RECORD, encode_run_files(history=history, predictions={"predicted": np.arange(3)}, architecture={"widths": {}})
    )
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


def test_broken_records_are_listed_with_file_and_reason(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    store.write(RECORD)
    newer = dataclasses.replace(RECORD, id="newer", schema=99)
    store.write(newer)
    write_atomic(store.run_folder("torn") / "record.json", RECORD.to_json()[:100].encode())
    write_atomic(store.run_folder("copy") / "record.json", RECORD.to_json().encode())
    assert store.records() == [RECORD]
    reasons = {run_id: reason for run_id, _, reason, _ in store.broken()}
    assert set(reasons) == {"copy", "newer", "torn"}
    assert "run abc" in reasons["copy"]
    assert "schema 99" in reasons["newer"]
    assert "torn" in reasons["torn"]


def test_reading_a_broken_record_names_its_file(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    write_atomic(store.run_folder("torn") / "record.json", b"{")
    with pytest.raises(RecordError, match=str(store.run_folder("torn") / "record.json")):
        store.read("torn")


def test_of_mixed_benchmark_versions_the_newest_is_used_and_the_others_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    versions = {"old": ("digits", 1), "new": ("digits", 2), "other": ("keyword_spotting", 1)}
    for name, (benchmark, version) in versions.items():
        config = {"benchmark": {"name": benchmark, "version": version}}
        store.write(dataclasses.replace(RECORD, id=name, benchmark=benchmark, config=config))
    assert [record.id for record in store.records()] == ["new", "other"]
    ((run_id, path, reason, _),) = store.broken()
    assert run_id == "old"
    assert path == store.run_folder("old") / "record.json"
    assert "version 1" in reason
    assert "version 2" in reason


def test_a_changed_record_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path, "e")
    store.write(RECORD)
    assert store.records() == [RECORD]
    better = dataclasses.replace(RECORD, scores={"test": 0.9})
    store.write(better)
    assert store.records() == [better]


def test_reading_records_needs_no_torch() -> None:
    code = "import sys, suite.records.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


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
