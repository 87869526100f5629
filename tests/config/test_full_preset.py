"""`preset=full`, number formats, and recipes that a benchmark or its network cannot follow."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from no_data import plan_without_data
from tasks import job, plan
from torch import nn

from suite import SuiteError
from suite.config import numerics
from suite.config.numerics import gains_by_bf16, resolve_dtype
from suite.config.plan import Plan, make_plan
from suite.config.recipe_checks import check_recipe
from suite.task.optimisation import Optimisation

PAPER_EPOCHS = {
    "anomaly_detection": 100,
    "image_classification": 500,
    "keyword_spotting": 200,
    "tiny_imagenet": 50,
    "visual_wake_words": 70,
}


@pytest.fixture(scope="module")
def plans() -> Iterator[dict[tuple[str, str], Plan]]:
    with pytest.MonkeyPatch.context() as patched:
        plan_without_data(patched)
        yield {
            (name, preset): make_plan(job(f"benchmark={name}", "compute=cpu", preset=preset))
            for name in PAPER_EPOCHS
            for preset in ("full", "paper")
        }


@pytest.mark.parametrize("name", PAPER_EPOCHS)
def test_a_phase_of_full_is_shorter_than_the_papers(name: str, plans: dict[Any, Plan]) -> None:
    recipe = plans[name, "full"].task.recipe
    assert plans[name, "paper"].task.recipe.epochs == PAPER_EPOCHS[name]
    for epochs in (recipe.epochs, recipe.search_epochs, recipe.finetune_epochs):
        assert epochs is not None
        assert epochs <= PAPER_EPOCHS[name] / (1 if name == "visual_wake_words" else 4)


@pytest.mark.parametrize("name", PAPER_EPOCHS)
def test_in_full_the_search_is_plain_and_no_example_is_left_out(name: str, plans: dict[Any, Plan]) -> None:
    recipe = plans[name, "full"].task.recipe
    assert recipe.strength_loss == "plain"
    assert recipe.search.schedule == "constant"
    assert recipe.search.final_only == []
    assert recipe.warmup == recipe.finetune
    assert recipe.train_samples is recipe.eval_samples is recipe.patience is None
    assert not any(p.task.recipe.warmup.final_only for key, p in plans.items() if key[1] == "paper")


def test_the_format_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for able, dtype in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(numerics, "gains_by_bf16", lambda _, able=able: able)
        assert plan("recipe.dtype=auto").task.recipe.dtype == dtype
        assert plan("recipe.dtype=auto").id == plan(f"recipe.dtype={dtype}").id
        assert resolve_dtype("fp32", "cpu") == "fp32"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (("benchmark=visual_wake_words", "recipe.dtype=fp32"), "full"),
        (("benchmark=visual_wake_words", "recipe.dtype=fp32", "recipe.epochs=8"), "full (changed)"),
        (("recipe.dtype=bf16",), "full (changed)"),  # digits are fp32 on all machines
    ],
)
def test_a_format_in_place_of_the_machines_is_no_other_preset(
    overrides: tuple[str, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_without_data(monkeypatch)
    assert plan(*overrides, preset="full").preset == name


@pytest.mark.parametrize(
    ("capabilities", "gains"),
    [
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC 9R14"}, True),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, True),
        ({"avx512_bf16": True, "amx_bf16": False, "cpu_name": "Intel Xeon"}, False),
        ({"arm_bf16": True}, True),
        ({"avx2": True, "cpu_name": "AMD EPYC"}, False),
    ],
)
def test_bf16_is_for_processors_that_are_faster_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], gains: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert gains_by_bf16("cpu") is gains


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("recipe.warmup.sizes=[4,6]", r"recipe\.warmup\.sizes=\[4, 6\]: the last must be the images' own size, 8"),
        ("recipe.finetune.sizes=[8,4]", r"finetune.*rising"),
        ("recipe.search.averaging=0.1", r"search\.averaging=0\.1: only for warmup and finetune"),
        ("recipe.warmup.lr_warmup=2", r"lr_warmup=2"),
        ("recipe.dtype=fp16", r"dtype=fp16: choices are auto, fp32, bf16"),
        ("recipe.strength_loss=mean", r"strength_loss=mean: choices are training, plain"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(override: str, named: str) -> None:
    with pytest.raises(SuiteError, match=named):
        plan(override)


def test_sizes_that_the_network_cannot_take_are_refused() -> None:
    made = plan()
    recipe = replace(made.task.recipe, warmup=Optimisation(sizes=[4, 8]))

    def rigid() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    with pytest.raises(SuiteError, match=r"recipe\.warmup\.sizes=\[4, 8\].*cannot be traced"):
        check_recipe(recipe, made.benchmark, rigid)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        (
            "recipe.warmup.label_smoothing=0.1",
            "must be null, since benchmark anomaly_detection has no loss",
        ),
        ("recipe.warmup.sizes=[320,640]", "only for square images"),
    ],
)
def test_what_a_benchmark_does_not_have_is_refused(override: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_without_data(monkeypatch)
    with pytest.raises(SuiteError, match=named):
        make_plan(job("benchmark=anomaly_detection", override))


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("recipe.masking.frames=3", r"recipe\.masking\.frames: not of benchmark digits\. It has no masking"),
        (
            "recipe.augmentation.shift_ms=3",
            r"augmentation\.shift_ms: not of benchmark digits\. Choices: rotate, shift, flip",
        ),
        ("recipe.augmentation.rotate=400", r"rotate"),
    ],
)
def test_augmentation_that_a_benchmark_has_not_is_refused(override: str, named: str) -> None:
    with pytest.raises(SuiteError, match=named):
        plan(override)


def test_what_a_user_says_of_augmentation_wins_over_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    plan_without_data(monkeypatch)
    name, what = "benchmark=visual_wake_words", "recipe.augmentation.zoom=0.2"
    changed = make_plan(job(name, what, "compute=cpu", preset="paper"))
    assert (changed.benchmark.augmentation.zoom, changed.preset) == (0.2, "paper (changed)")
    assert changed.benchmark.augmentation.rotate == 10
    assert make_plan(job(name, "compute=cpu", preset="paper")).benchmark.augmentation.zoom == 0.1
