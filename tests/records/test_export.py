"""One tidy file of all runs."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from synthetic import make_failure, make_record, make_records

from suite import SuiteError
from suite.cli.main import main
from suite.records.export import export
from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store

GUIDE = Path(__file__).parents[2] / "docs" / "reading-the-report.md"


def stored(folder: Path, *records: RunRecord) -> Store:
    store = Store(folder, "example")
    (store.folder / "runs").mkdir(parents=True)
    for record in records:
        store.write(record)
    return store


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_a_row_a_run_with_the_numbers_of_the_records(suffix: str, read, tmp_path: Path) -> None:
    records = [*make_records(seeds=1), make_failure("ValueError: no", seed=7)]
    path = tmp_path / f"runs{suffix}"
    assert export(stored(tmp_path, *records), path) == len(records)
    table = read(path).set_index("id")
    assert sorted(table.index) == sorted(r.id for r in records)
    for record in records:
        row = table.loc[record.id]
        assert row["status"] == record.status
        if record.status == "done":
            assert row["score"] == pytest.approx(record.scores["test"], rel=1e-15)
            assert row["cost/weights"] == record.costs["weights"]
        else:
            assert pd.isna(row["score"])


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_variant_and_options_are_json(suffix: str, read, tmp_path: Path) -> None:
    record = make_record(variant={"penalty.shape": "abs", "compaction": False}, options={"trials": None, "name": "x"})
    path = tmp_path / f"runs{suffix}"
    export(stored(tmp_path, record, make_record(seed=1)), path)
    table = read(path).set_index("id")
    assert json.loads(table.loc[record.id, "variant"]) == {"penalty.shape": "abs", "compaction": "false"}
    assert json.loads(table.loc[record.id, "options"]) == {"trials": None, "name": "x"}
    assert table.loc[make_record(seed=1).id, "variant"] == "{}"


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    store = stored(tmp_path, *make_records(seeds=1))
    for suffix in (".csv", ".parquet"):
        paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
        for path in paths:
            export(store, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("name", "told"), [("runs.xlsx", ".csv, .parquet"), ("runs", ".csv, .parquet"), ("example/runs/all.csv", "outside")]
)
def test_other_suffixes_and_the_runs_folder_are_refused(name: str, told: str, tmp_path: Path) -> None:
    store = stored(tmp_path, make_record())
    with pytest.raises(SuiteError, match=re.escape(told)):
        export(store, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_way_round_into_the_runs_folder_is_refused_too(tmp_path: Path) -> None:
    store = stored(tmp_path, make_record())
    (tmp_path / "link").symlink_to(store.folder / "runs")
    with pytest.raises(SuiteError, match="outside"):
        export(store, tmp_path / "link" / "all.csv")


def test_a_broken_record_is_named_and_the_others_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    store = stored(tmp_path, make_record(), make_record(seed=1))
    torn = store.run_folder(make_record().id) / "record.json"
    torn.write_bytes(b"{")
    assert main(["export", str(store.folder), str(tmp_path / "all.csv")]) == 0
    assert "1 rows" in capsys.readouterr().out
    assert str(torn) in caplog.text


@pytest.mark.parametrize("file", ["all.txt", ".", "/proc/nowhere/all.csv"])
def test_the_command_ends_with_code_2_and_one_line(file: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    store = stored(tmp_path, make_record())
    assert main(["export", str(store.folder), str(tmp_path / file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_column_is_documented() -> None:
    documented = set(re.findall(r"`([^`\n]+)`", GUIDE.read_text().split("## Commands")[1].split("\n## ")[0]))
    patterns = {name.split("/")[0] for name in documented if name.endswith(">")}
    records = [make_record(scores={"test": 0.8, "test/pauc": 0.7}), make_failure(seed=1)]
    missing = [c for c in frame(records) if c not in documented and c.split("/")[0] not in patterns]
    assert not missing
