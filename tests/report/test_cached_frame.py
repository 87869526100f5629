"""The runs of a store as a frame, kept of thousands of records until one of their files changes."""

import dataclasses
import logging
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from synthetic import make_failure, make_record, make_records

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.frame import frame
from suite.records.store import Store
from suite.report import cached_frame
from suite.report.cached_frame import CACHE_FILE, read_frame


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose frame is kept, with a failure, missing values and text of all kinds."""
    monkeypatch.setattr(cached_frame, "CACHED_FROM", 2)
    store = Store(tmp_path, "example")
    for record in [*make_records(seeds=2), make_failure()]:
        store.write(record)
    read_frame(store)
    return store


def unread(store: Store, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The frame, while no record can be read."""
    with monkeypatch.context() as patch:
        patch.setattr(Store, "records", lambda _: pytest.fail("records were read"))
        return read_frame(store)


def test_the_kept_frame_is_the_frame(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = unread(Store(store.root, store.experiment), monkeypatch)
    pd.testing.assert_frame_equal(kept, frame(store.records()))
    assert not kept.attrs


def test_a_record_that_comes_goes_or_changes_is_seen(store: Store) -> None:
    before = len(read_frame(store))
    added = make_record(seed=77)
    store.write(added)
    assert len(read_frame(store)) == before + 1
    path = store.run_folder(added.id) / "record.json"
    at = path.stat().st_mtime_ns
    store.write(dataclasses.replace(added, data_note="another"))
    os.utime(path, ns=(at, at))  # replaced within the clock's resolution
    assert "another" in set(read_frame(store)["data_note"])
    shutil.rmtree(path.parent)
    assert len(read_frame(store)) == before


def test_what_is_left_out_is_named_every_time(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = store.run_folder("torn") / "record.json"
    write_atomic(path, b"{")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            read_frame(Store(store.root, store.experiment))
        assert str(path) in caplog.text


def test_other_code_reads_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd, "__version__", "0")
    with pytest.raises(pytest.fail.Exception, match="records were read"):
        unread(store, monkeypatch)


@pytest.mark.parametrize("content", [b"", b"PAR1 torn", b"id,score\n"])
def test_a_kept_file_that_cannot_be_read_is_made_again(store: Store, content: bytes) -> None:
    whole = read_frame(store)
    (store.folder / CACHE_FILE).write_bytes(content)
    pd.testing.assert_frame_equal(read_frame(store), whole)
    assert (store.folder / CACHE_FILE).read_bytes() != content


def test_few_records_leave_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    store.write(make_record())
    read_frame(store)
    assert [path.name for path in store.folder.iterdir()] == ["runs"]


def test_a_folder_that_cannot_be_written_is_no_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.folder / CACHE_FILE).unlink()

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert len(read_frame(store)) == len(store.records())


def test_no_records_is_an_error_that_names_the_others(store: Store) -> None:
    with pytest.raises(SuiteError, match=r"no records to report on\. Experiments with records: example"):
        read_frame(Store(store.root, "other"))
