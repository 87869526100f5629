"""How the recipe of a run trains the reference network: for how long, and which runs differ in nothing but that."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

_DIGITS = 12
_LENGTHS = ("epochs", "search_epochs", "finetune_epochs")
_CHANGING = ("seed", "targets", "device", "threads", "compute")
"""Keys of a record's configuration in which the runs of one series may differ."""


def recipe_columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the frame that come from a record's configuration `config`.

    recipe: optimiser and schedule of a training of the reference network and its batch, "" where unknown.
    recipe_epochs: length of a standard training of the reference network, NaN where unknown.
    network: 12 hex digits of the reference network's configuration.
    series: 12 hex digits of the whole configuration without the recipe's epochs, random seed, budget, device and
        numerics (threads, CPU or GPU): runs that agree in it differ in their length at most.

    >>> recipe_columns({"recipe": {"epochs": 25, "batch": 100, "warmup": {"optimiser": "sgd", "schedule": "cosine"}}})
    {'recipe': 'sgd, cosine, batch 100', 'recipe_epochs': 25.0, 'network': '...', 'series': '...'}
    """
    recipe = config.get("recipe", {})
    series = {key: value for key, value in config.items() if key not in _CHANGING}
    series["recipe"] = {key: value for key, value in recipe.items() if key not in _LENGTHS}
    return {
        "recipe": _describe(recipe),
        "recipe_epochs": float(recipe.get("epochs", math.nan)),
        "network": digest(config.get("benchmark", {}).get("network")),
        "series": digest(series),
    }


def _describe(recipe: Mapping[str, Any]) -> str:
    training = recipe.get("warmup", {})
    words = [str(training[key]) for key in ("optimiser", "schedule") if key in training]
    return ", ".join([*words, *([f"batch {recipe['batch']}"] if "batch" in recipe else [])])


def digest(value: Any) -> str:
    """12 hex digits of what JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]
