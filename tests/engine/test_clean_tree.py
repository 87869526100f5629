"""`clean_tree=true`: records are made from committed code alone."""

from pathlib import Path

import pytest

from suite.cli.main import main
from suite.engine import jobs

RUN = ("run", "preset=smoke", "threads=1", "method=hand_tuned", "clean_tree=true")
COMMIT = "0123456789abcdef"


def test_changed_code_is_refused_before_anything_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs, "code_state", lambda: {"commit": COMMIT, "clean": False})
    assert main([*RUN, f"results_dir={tmp_path}"]) == 2
    assert "clean_tree=true: suite/, baselines/ or pyproject.toml differ from commit 0123456" in capsys.readouterr().err
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.parametrize("state", [{"commit": COMMIT, "clean": True}, {"commit": None, "clean": None}])
def test_committed_code_and_a_release_run(
    state: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "code_state", lambda: state)
    assert main([*RUN, f"results_dir={tmp_path}"]) == 0
    assert len(list(tmp_path.rglob("record.json"))) == 1
