"""Studies of a recipe's constants: on validation data alone, with random seeds of their own, resumable."""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from tasks import task

from suite.config.plan import make_plan
from suite.engine import recipe_study
from suite.engine.recipe_study import SEED, TRIALS, RecipeStudy, Vary, main
from suite.task.meter import Meter
from suite.task.splits import load_data

OVERRIDES = ("benchmark=digits", "preset=smoke", "threads=1", "recipe.epochs=1")


def _study(folder: Path) -> RecipeStudy:
    varied = [Vary.parse("recipe.warmup.lr=1e-3:1e-2:log"), Vary.parse("recipe.batch=32|64")]
    return RecipeStudy(OVERRIDES, varied, folder / "study", folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1:2", Vary("a", FloatDistribution(1, 2))),
        ("a=1e-3:1:log", Vary("a", FloatDistribution(1e-3, 1, log=True))),
        ("a=x|y", Vary("a", CategoricalDistribution(["x", "y"]))),
        ("a.b=[1,2]|null", Vary("a.b", CategoricalDistribution(["[1,2]", "null"]))),
    ],
)
def test_what_varies(text: str, expected: Vary) -> None:
    assert Vary.parse(text) == expected


@pytest.mark.parametrize("text", ["a", "a=1", "a=2:1", "a=0:1:log", "a=1:2:lin", "a=x:y"])
def test_what_cannot_vary_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected KEY=LOW:HIGH"):
        Vary.parse(text)


def test_a_study_goes_on_where_it_stopped_and_lists_its_best_first(tmp_path: Path) -> None:
    _study(tmp_path).run(2)
    table = _study(tmp_path).run(3)

    assert sorted(table["trial"]) == [0, 1, 2]
    assert list(table["score"]) == sorted(table["score"], reverse=True)
    assert table["recipe.warmup.lr"].between(1e-3, 1e-2).all()
    assert table["recipe.warmup.lr"].nunique() == 3
    assert set(table["recipe.batch"]) <= {"32", "64"}
    written = pd.read_csv(tmp_path / "study" / TRIALS)
    assert list(written["score"]) == pytest.approx(list(table["score"]))
    assert str(tmp_path) not in (tmp_path / "study" / "study.json").read_text()


def test_the_seed_is_none_of_a_claim_and_the_test_split_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []
    monkeypatch.setattr(recipe_study, "make_plan", lambda job: seeds.append(job.seed) or make_plan(job))
    monkeypatch.setattr(recipe_study, "load_data", lambda b, s: replace(load_data(b, s), test=None))
    table = _study(tmp_path).run(1)
    assert set(seeds) == {SEED}
    assert table["state"].tolist() == ["complete"]
    assert SEED >= 100


def test_its_score_is_that_of_a_standard_training(tmp_path: Path) -> None:
    table = _study(tmp_path).run(1)
    chosen = [f"recipe.warmup.lr={table['recipe.warmup.lr'][0]:g}", f"recipe.batch={table['recipe.batch'][0]}"]
    method = ("method=hand_tuned", "method.length=standard", f"seed={SEED}")
    of, made = task(tmp_path / "run", OVERRIDES[3], *chosen, *method)
    result = made.method.search(of, made.budget, Meter(of.standard_macs))
    assert table["score"][0] == pytest.approx(max(row["score"] for row in result.history))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["benchmark=digitz"], "digitz"),
        (["benchmark=digits", "preset=fulll"], "fulll"),
        (["benchmark=digits", "recipe.warmup.rate=1"], "rate"),
    ],
)
def test_wrong_configurations_end_before_the_first_trial(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    assert main([*arguments, "--vary", "recipe.mask_lr=1e-3:1e-2", "--out", str(out)]) == 2
    assert named in capsys.readouterr().err
    assert not out.exists()
