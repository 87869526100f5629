"""The jobs of a call: experiments in folders, and what `--cfg job` prints of a sweep."""

from pathlib import Path

import pytest
import yaml

from suite.cli import main as cli
from suite.config.sweep import parts


class TestParts:
    def test_a_folder_of_experiments_runs_each_of_them(self) -> None:
        calls = parts(["+experiment=paper_main", "preset=short"])
        assert len(calls) == 5
        assert calls[2] == ["+experiment=paper_main/keyword_spotting", "preset=short"]

    def test_anything_else_is_one_call(self) -> None:
        assert parts(["-m", "seed=0,1"]) == [["-m", "seed=0,1"]]
        assert parts(["+experiment=quickstart"]) == [["+experiment=quickstart"]]

    def test_ones_own_folder_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "experiment" / "mine"
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text("# @package _global_\nname: mine\n")
        calls = parts(["--config-dir", str(tmp_path), "+experiment=mine"])
        assert calls == [["--config-dir", str(tmp_path), "+experiment=mine/a"]]


class TestPrinting:
    def test_every_job_of_a_sweep_is_a_document(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        sweep = ["-m", "seed=0,1", "budget={weights:25%},{macs:1.5M}", "name=${preset.name}", f"results_dir={tmp_path}"]
        assert cli.main(["run", *sweep, "--cfg", "job"]) == 0
        jobs = list(yaml.safe_load_all(capsys.readouterr().out))
        assert [(job["seed"], job["budget"]["weights"], job["budget"]["macs"]) for job in jobs] == [
            (0, "25%", None),
            (0, None, "1.5M"),
            (1, "25%", None),
            (1, None, "1.5M"),
        ]
        assert {job["name"] for job in jobs} == {"short"}
        assert not list(tmp_path.iterdir()), "nothing is run"

    def test_a_job_that_cannot_be_composed_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["run", "-m", "method=duccio,unheard_of", "--cfg", "job"]) == 2
        assert "method=unheard_of: no such choice" in capsys.readouterr().err
