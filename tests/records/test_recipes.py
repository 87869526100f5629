import copy
import math
from typing import Any

import pytest
from synthetic import make_record
from trainings import make_training

from suite.records.frame import frame
from suite.records.recipes import recipe_columns

CONFIG: dict[str, Any] = {
    "benchmark": {"name": "digits", "network": {"_target_": "a.Net", "width": 8}, "augmentation": {"shift": 0.1}},
    "method": {"class": "HandTuned", "length": "standard"},
    "recipe": {"epochs": 25, "batch": 100, "warmup": {"optimiser": "sgd", "schedule": "cosine", "lr": 0.1}},
    "data": "0123",
    "seed": 0,
    "device": {"name": "gap8"},
    "targets": {"weights": 27_000},
    "threads": 1,
    "compute": "cpu",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """`recipe_columns` of CONFIG with another value at a dotted path."""
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    node = config
    for key in parents:
        node = node[key]
    node[last] = value
    return recipe_columns(config)


def test_a_recipe_is_its_optimiser_schedule_and_batch() -> None:
    columns = recipe_columns(CONFIG)
    assert (columns["recipe"], columns["recipe_epochs"]) == ("sgd, cosine, batch 100", 25)


@pytest.mark.parametrize(
    "path",
    [
        "recipe.epochs",
        "recipe.search_epochs",
        "recipe.finetune_epochs",
        "seed",
        "targets",
        "device",
        "threads",
        "compute",
    ],
)
def test_runs_of_one_series_may_differ_in_length_seed_budget_device_and_numerics(path: str) -> None:
    assert changed(path, 3)["series"] == recipe_columns(CONFIG)["series"]


@pytest.mark.parametrize("path", ["recipe.batch", "recipe.warmup.lr", "benchmark.augmentation.shift", "data", "method"])
def test_any_other_setting_is_another_series_of_the_same_network(path: str) -> None:
    one, other = recipe_columns(CONFIG), changed(path, 3)
    assert one["series"] != other["series"]
    assert one["network"] == other["network"]


def test_another_network_is_another_series() -> None:
    one, other = recipe_columns(CONFIG), changed("benchmark.network.width", 16)
    assert one["network"] != other["network"]
    assert one["series"] != other["series"]


def test_what_a_record_does_not_say_is_missing() -> None:
    columns = recipe_columns({})
    assert columns["recipe"] == ""
    assert math.isnan(columns["recipe_epochs"])


def test_the_frame_has_these_columns_and_the_training_samples() -> None:
    (row,) = frame([make_training("full", 25, 0, 0.9)]).to_dict("records")
    assert (row["recipe"], row["recipe_epochs"]) == ("adamw, cosine, batch 128", 25)
    assert row["training_samples"] == 250_000
    assert frame([make_record(meter={})])["training_samples"].isna().all()
