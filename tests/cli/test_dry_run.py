"""`suite run --dry-run`: the runs, their limits, what is missing, the time; nothing is left behind."""

import re
from pathlib import Path

import pytest

from suite.cli.main import main
from suite.data.official import OfficialSource

RUN = ["run", "--dry-run", "-m", "preset=smoke", "threads=1"]


def test_the_runs_are_listed_with_limits_seeds_and_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["method=width_scaling,hand_tuned", "budget={weights:25%},{weights:20kB,latency:5ms}", "seed=0,1,2"]
    assert main([*RUN, *sweep, f"results_dir={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.strip().startswith("digits")]
    assert len(rows) == 4
    assert rows[0] == [
        "digits",
        "smoke",
        "nucleo_l4r5zi",
        "width_scaling",
        "weights",
        "25%",
        "18.8",
        "kB",
        "0",
        "to",
        "2",
        "3",
    ]
    assert rows[1][-9:] == ["20", "kB", "+", "5", "ms", "0", "to", "2", "3"][-9:]
    # Two epochs in each of three phases of twelve runs; a standard training has two.
    assert re.fullmatch(r"12 runs planned, 12 left to do; about .*, 36 standard trainings", lines[-1])
    assert not (tmp_path / "default").exists()


def test_devices_are_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["method=hand_tuned", "budget.latency=50%", "device=nucleo_l4r5zi,gap8", "seed=0,1"]
    assert main([*RUN, *sweep, f"results_dir={tmp_path}"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("digits")]
    assert [(row[2], row[-4:]) for row in rows] == [(d, ["0", "to", "1", "2"]) for d in ("nucleo_l4r5zi", "gap8")]
    assert rows[0][6:8] != rows[1][6:8]  # a share of each device's own latency


def test_what_is_done_is_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    single = [*RUN, "method=hand_tuned", f"results_dir={tmp_path}"]
    assert main([word for word in single if word not in ("--dry-run", "-m")]) == 0
    capsys.readouterr()
    assert main(single) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 run planned, 0 left to do"


def test_all_that_is_missing_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path / "nothing"))
    benchmarks = "benchmark=digits,keyword_spotting,visual_wake_words"
    sweep = [benchmarks, "benchmark.data.download=false", "method=hand_tuned", "seed=0,1"]
    assert main([*RUN, *sweep, f"results_dir={tmp_path}"]) == 2
    printed = capsys.readouterr()
    errors = printed.err.splitlines()
    assert len(errors) == 2
    assert all("(2 of 6 runs)" in line for line in errors)
    assert "6 runs planned, 2 left to do" in printed.out


def test_nothing_is_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("a dry run loads no data that is not there")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA_DIR", raising=False)
    monkeypatch.setattr(OfficialSource, "load", load)
    sweep = ["benchmark=digits,keyword_spotting", "method=hand_tuned", "seed=0,1"]
    assert main([*RUN, *sweep, f"results_dir={tmp_path}"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "4 runs planned, 4 left to do; about " in printed
    assert "keyword_spotting: the first run downloads its data, 2428.9 MB, from https://" in printed


def test_a_budget_out_of_reach_and_a_misspelt_key_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "budget.weights=1B", f"results_dir={tmp_path}"]) == 2
    assert "budget.weights=1B" in capsys.readouterr().err
    assert main([*RUN, "budgett.weights=1B", f"results_dir={tmp_path}"]) == 2
    assert "budgett" in capsys.readouterr().err
    assert not list(tmp_path.rglob("plan.json"))
