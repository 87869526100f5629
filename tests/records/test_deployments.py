"""deploy.json beside the record: read where it can be, named and left out where not."""

import dataclasses
import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from experiments import experiment
from synthetic import make_record
from synthetic_files import deployed

from suite.cli.main import main
from suite.records.deployment import read_deployments

RUN = make_record().id


def test_a_run_that_was_not_deployed_has_none(tmp_path: Path) -> None:
    store = experiment(tmp_path, make_record())
    assert read_deployments(store, [RUN]) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{torn", "torn"),
        (b"[]", "torn"),
        (b"\xff\xfe", "torn"),
        (deployed(RUN).to_json().replace("61672", "1e999").encode(), "torn"),
        (json.dumps({**dataclasses.asdict(deployed(RUN)), "schema": 99}).encode(), "schema 99"),
        (deployed("another").to_json().encode(), "of run another"),
    ],
)
def test_a_bad_file_is_named_and_left_out_and_the_report_is_made(
    content: bytes, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = experiment(tmp_path, make_record(), make_record(seed=1))
    (store.run_folder(RUN) / "deploy.json").write_bytes(content)
    good = make_record(seed=1).id
    (store.run_folder(good) / "deploy.json").write_text(deployed(good).to_json())
    with caplog.at_level(logging.WARNING):
        assert read_deployments(store, [RUN, good]) == {good: deployed(good)}
    assert str(store.run_folder(RUN) / "deploy.json") in caplog.text
    assert reason in caplog.text
    assert main(["report", str(store.folder), "--format", "csv,md,tex"]) == 0


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_an_export_has_what_was_measured(suffix: str, read, tmp_path: Path) -> None:
    store = experiment(tmp_path, make_record(), make_record(seed=1))
    (store.run_folder(RUN) / "deploy.json").write_text(deployed(RUN).to_json())
    path = tmp_path / f"runs{suffix}"
    assert main(["export", str(store.folder), str(path)]) == 0
    table = read(path).set_index("id")
    assert table.loc[RUN, "int8/score"] == 0.875
    assert pd.isna(table.loc[make_record(seed=1).id, "int8/score"])
    assert table["board_fits"].isna().all()
