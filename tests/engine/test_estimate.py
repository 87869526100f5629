"""How long a sweep takes: counted in epochs of the reference network, at a measured pace."""

import re
import time
from pathlib import Path

import pytest
from tasks import plan

from suite.cli.main import main
from suite.config.plan import Plan
from suite.engine import estimate as module
from suite.engine.estimate import Estimate
from suite.records.store import Store
from suite.task.splits import load_data


def counted(plans: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_per_epoch: float) -> Estimate:
    monkeypatch.setattr(module, "_seconds_per_epoch", lambda *_: seconds_per_epoch)
    estimate, store = Estimate(), Store(tmp_path, "estimate")
    for each in plans:
        estimate.add(each, store)
    return estimate


RECIPE = ("recipe.epochs=4", "recipe.search_epochs=2", "recipe.finetune_epochs=3", "threads=1", "budget.weights=50%")


@pytest.mark.parametrize(
    ("method", "epochs"),
    [
        (["method=duccio"], 4 + 2 + 3),
        (["method=hand_tuned", "method.length=standard"], 4),
        (["method=hand_tuned", "method.length=equal"], 4 + 2 + 3),
        (["method=nsga2", "method.cost_limit=3"], 3 * 4),
        (["method=width_scaling", "method.cost_limit=2"], 2 * 4),
    ],
)
def test_a_run_counts_its_limit_or_its_epochs(
    method: list[str], epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counted([plan(*method, *RECIPE)], tmp_path, monkeypatch, 10.0).core_seconds == {"digits": 10.0 * epochs}


def test_a_warm_up_counts_once_for_a_random_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [plan(f"method={name}", f"seed={seed}", *RECIPE) for name in ("duccio", "taper") for seed in (0, 1)]
    assert counted(plans, tmp_path, monkeypatch, 1.0).core_seconds == {"digits": 2 * 4 + 4 * (2 + 3)}


def test_waiting_is_not_charged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Core seconds are the processor's: what other processes do meanwhile does not count."""
    monkeypatch.setattr(module, "train_reference", lambda *_: time.sleep(0.3))
    made = plan("recipe.epochs=1")
    assert module._seconds_per_epoch(made, load_data(made.benchmark, Store(tmp_path, "estimate"))) < 0.1


def test_hours_are_told_by_benchmark_and_little_in_minutes() -> None:
    estimate = Estimate()
    estimate.core_seconds.update({"visual_wake_words": 10_440.0, "keyword_spotting": 1_800.0})
    assert str(estimate) == "about 3.4 core hours (keyword_spotting 0.5, visual_wake_words 2.9)"
    estimate.core_seconds.clear()
    estimate.core_seconds["digits"] = 150.0
    assert str(estimate) == "about 2 core min"


def test_the_measured_pace_is_about_that_of_a_whole_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan("recipe.epochs=1", "threads=1")
    data = load_data(made.benchmark, Store(tmp_path, "estimate"))
    few = module._seconds_per_epoch(made, data)
    monkeypatch.setattr(module, "_BATCHES", 10**6)
    assert 0.2 < few / module._seconds_per_epoch(made, data) < 5


def test_a_training_that_fails_leaves_the_time_unknown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    diverging = ["recipe.warmup.optimiser=sgd", "recipe.warmup.lr=1e20", "method=hand_tuned", "seed=0,1"]
    assert main(["run", "-m", "preset=smoke", "threads=1", *diverging, f"results_dir={tmp_path}"]) == 1
    assert "2 runs planned, 2 left to do; time unknown, a first step of training failed" in caplog.text


def test_a_sweep_says_beforehand_what_it_takes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sweep = ["run", "-m", "preset=smoke", "threads=1", "method=hand_tuned", "seed=0,1", f"results_dir={tmp_path}"]
    assert main(sweep) == 0
    assert re.search(r"2 runs planned, 2 left to do; about \d+ core min", caplog.text)
    caplog.clear()
    assert main(sweep) == 0
    assert "2 runs planned, 0 left to do\n" in caplog.text
