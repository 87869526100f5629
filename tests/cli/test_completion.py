"""Tab completion, as bash asks for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suite.cli.completion import complete, main


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("suite sta", ["status "]),
        ("suite run metho", ["method.", "method="]),
        ("suite run method=duc", ["duccio", "duccio_layerwise", "duccio_projected", "duccio_scripts"]),
        ("suite run -m method=duccio,hand", ["duccio,hand_tuned"]),
        ("suite run +exp", ["+experiment="]),
        ("suite run +experiment=campaign/an", ["campaign/anomaly_detection", "campaign/anomaly_detection_paper"]),
        ("suite run budget.we", ["budget.weights=", "budget.weights_full="]),
        ("suite run recipe.warmup.lr", ["recipe.warmup.lr=", "recipe.warmup.lr_warmup="]),
        ("suite run method=nsga2 method.tri", ["method.trials="]),
        ("suite run nothing.like.it", []),
        ("suite nothing ", []),
    ],
)
def test_what_may_stand_at_the_end_of_a_line(line: str, offered: list[str]) -> None:
    assert complete(line) == offered


def test_experiments_with_records_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results/mine/runs").mkdir(parents=True)
    (tmp_path / "results/empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert complete("suite report ") == ["mine "]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_takes_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    line = "suite run method=nsg"
    typed = f"COMP_LINE='{line}'; COMP_POINT={len(line)}; _suite_completion; echo ${{COMPREPLY[@]}}"
    shell = f'{capsys.readouterr().out}\nsuite() {{ {sys.executable} -m suite.cli "$@"; }}\n{typed}'
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=dict(os.environ), check=True)
    assert ended.stdout == "nsga2 nsga3\n"
