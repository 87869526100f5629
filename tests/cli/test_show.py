"""The end of a run, and `suite show`: the network, its costs against the limits, what to do next."""

import shutil
from pathlib import Path

import pytest
from checkout import RESULTS
from synthetic import make_record

from suite.cli.main import main
from suite.records.archive import ARCHIVE_NAME
from suite.records.store import Store

RUN = ("run", "preset=smoke", "threads=1", "method=width_scaling", "budget.weights=40%")


def run_id(results: Path, name: str = "default") -> str:
    (record,) = (results / name / "runs").glob("*/record.json")
    return record.parent.name


def test_a_run_ends_with_its_answer_also_when_it_was_done_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for _ in range(2):
        assert main([*RUN, f"results_dir={tmp_path}"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    lines = [line.split() for line in printed[0].splitlines()]
    assert ["digits", "|", "width_scaling", "|", "weights", "40%", "|", "seed", "0", "|", "smoke"] in lines
    (weights,) = (line for line in lines if line[:1] == ["weights"])
    assert (weights[3:5], weights[-2:]) == (["30.1", "kB"], ["75.3", "kB"])
    assert ["stem", "10"] in [line[:2] for line in lines]
    assert f"suite deploy {run_id(tmp_path)}" in printed[0]


def test_show_prints_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, f"results_dir={tmp_path}"]) == 0
    ended = capsys.readouterr().out
    run = run_id(tmp_path)
    for named in ([run[:6]], [str(tmp_path / "default" / "runs" / run)], ["default", "--best"]):
        assert main(["show", *named, "--results-dir", str(tmp_path)]) == 0
        assert capsys.readouterr().out == ended


def test_layers_are_in_the_networks_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "digits").mkdir()
    shutil.copy(RESULTS / "digits" / ARCHIVE_NAME, tmp_path / "digits" / ARCHIVE_NAME)
    assert main(["show", "--best", "digits", "--results-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    words = [line.split()[0] for line in printed.splitlines() if line.strip()]
    layers = [word for word in words if word == "stem" or word.startswith("block")]
    assert layers == ["stem", "block1.conv1", "block2.conv1", "block2.conv2", "block3.conv1", "block3.conv2"]
    assert "not here: an archive keeps records alone" in printed
    assert "suite deploy" not in printed


def test_a_network_at_its_own_widths_has_no_bars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "preset=smoke", "threads=1", "method=hand_tuned", f"results_dir={tmp_path}"]) == 0
    printed = capsys.readouterr().out
    assert "the reference network, at its own widths" in printed
    assert "stem" not in printed


def test_a_sweep_ends_with_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["run", "-m", *RUN[1:], "method=hand_tuned,width_scaling", "seed=0,1", f"results_dir={tmp_path}"]
    sweep.remove("method=width_scaling")
    assert main(sweep) == 0
    printed = capsys.readouterr().out
    assert "benchmark digits, preset smoke" in printed
    first = [line.split()[0] for line in printed.splitlines() if line.strip()]
    assert {"hand_tuned", "width_scaling"} <= set(first)


def test_a_record_without_a_test_score_or_a_unit_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = make_record(scores={"validation": 0.9}, units={})
    Store(tmp_path, "odd").write(record)
    assert main(["show", record.id, "--results-dir", str(tmp_path)]) == 0
    assert "accuracy nan (float)" in capsys.readouterr().out


def test_a_name_that_no_file_can_have_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "x" * 300]) == 2
    assert capsys.readouterr().err.endswith("xxx: File name too long\n")


def test_a_run_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "abc123", "--results-dir", str(tmp_path)]) == 2
    assert "abc123: no such run" in capsys.readouterr().err
