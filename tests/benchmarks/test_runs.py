"""Every benchmark from the command line on its real pack, found through SUITE_DATA_DIR."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkout import CONF

from suite.cli import main as cli

BUDGET = "budget={weights:50%,macs:50%}"


def _records(folder: Path) -> dict[str, tuple[dict, Path]]:
    paths = folder.glob("*/runs/*/record.json")
    return {record["benchmark"]: (record, path.parent) for path in paths for record in [json.loads(path.read_text())]}


def test_one_sweep_over_three_benchmarks(packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", str(packs))
    names = "keyword_spotting,visual_wake_words,anomaly_detection"
    short = ["preset=smoke", "threads=1", "recipe.train_samples=64", BUDGET, f"results_dir={tmp_path}"]
    assert cli.main(["run", "-m", f"benchmark={names}", *short]) == 0
    records = _records(tmp_path)
    assert sorted(records) == sorted(names.split(","))
    assert all(record["feasible"] for record, _ in records.values())
    keywords, folder = records["keyword_spotting"]
    assert keywords["selection_name"] == "balanced_accuracy"
    assert keywords["quality_target"] == 0.9
    assert 0 <= keywords["scores"]["test/balanced_accuracy"] <= 1
    sounds, folder = records["anomaly_detection"]
    assert sounds["score_name"] == "auc"
    assert sounds["scores"]["validation"] < 0
    assert {"test", "test/auc_machine_4", "test/partial_auc"} <= set(sounds["scores"])
    with np.load(folder / "predictions.npz") as kept:
        assert set(kept.files) == {"error", "target", "machine"}
        assert len(kept["error"]) == len(kept["target"]) <= 248


@pytest.mark.slow
def test_tiny_imagenet_smoke(packs: Path, tmp_path: Path) -> None:
    pack = f"benchmark.data.pack={packs / 'tiny_imagenet.npz'}"
    arguments = ["run", "benchmark=tiny_imagenet", pack, "preset=smoke", "threads=2", BUDGET]
    assert cli.main([*arguments, f"results_dir={tmp_path}"]) == 0
    assert _records(tmp_path)["tiny_imagenet"][0]["feasible"]


@pytest.mark.parametrize("path", sorted((CONF / "benchmark").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_benchmark_has_the_four_presets(path: Path) -> None:
    node = yaml.safe_load(path.read_text())
    assert {"smoke", "brief", "short", "paper"} <= set(node["presets"])
    smoke = node["presets"]["smoke"]
    assert {"epochs", "train_samples", "eval_samples"} <= set(smoke)
