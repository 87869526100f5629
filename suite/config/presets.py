"""Presets: how long and with what a benchmark's networks are trained."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from suite import SuiteError
from suite.config.build import construct, plain, require_mapping
from suite.task.recipe import Recipe

_OF_INPUTS = ("augmentation", "masking")
"""Parts of a recipe that the benchmark does itself; a benchmark need not have them."""

_OF_ALL: dict[str, Any] = {"smoke": {"epochs": 2, "train_samples": 320, "eval_samples": 100}, "short": {}}
"""Presets that a benchmark of one's own need not state: does it run at all; its recipe as it is."""


def apply_preset(config: DictConfig) -> tuple[dict[str, Any], Recipe, bool]:
    """The benchmark's node and its recipe under the job's preset, and whether the user changed the recipe.

    The recipe is the benchmark's, then its preset's, then what the `recipe` node sets. A number format where these
    leave it to the machine (`auto`) is no change: it is what they are elsewhere.

    Raises:
        SuiteError: the benchmark is no mapping or has no such preset, or a value is out of range.
    """
    benchmark = require_mapping(plain(config.benchmark), "benchmark")
    presets = _OF_ALL | require_mapping(benchmark.pop("presets", {}), "benchmark.presets")
    name = config.preset.name
    if name not in presets:
        raise SuiteError(f"preset={name}: {benchmark.get('name')} has none of that name. Choices: {', '.join(presets)}")
    preset = require_mapping(presets[name] or {}, f"benchmark.presets.{name}")
    base = require_mapping(benchmark.pop("recipe", None), "benchmark.recipe")
    changes = _drop_none(plain(config.recipe))
    usual, recipe = plain(OmegaConf.merge(base, preset)), plain(OmegaConf.merge(base, preset, changes))
    for part in set(_OF_INPUTS) & set(recipe):
        known = base.get(part, {})
        if unknown := sorted(set(changes.get(part, {})) - set(known)):
            choices = f"Choices: {', '.join(known)}" if known else f"It has no {part}"
            raise SuiteError(f"recipe.{part}.{unknown[0]}: not of benchmark {benchmark.get('name')}. {choices}")
        benchmark[part] = recipe.pop(part)
    changed = set(changes) - ({"dtype"} if usual.get("dtype") == "auto" else set())
    return benchmark, construct(Recipe, recipe, "recipe"), bool(changed)


def _drop_none(node: dict[str, Any]) -> dict[str, Any]:
    pruned = {k: _drop_none(v) if isinstance(v, dict) else v for k, v in node.items()}
    return {k: v for k, v in pruned.items() if v not in (None, {})}
