"""The configuration's schema, and how its nodes become objects with types and ranges checked."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.utils import get_object
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from suite.errors import SuiteError
from suite.recipe import Recipe


@dataclass
class BudgetNode:
    """Upper limits: a share of the seed ("25%"), a number with a unit ("20kB", "5ms", "1.5M"), or null for none."""

    weights: Any = None
    weights_full: Any = None
    macs: Any = None
    ram: Any = None
    latency: Any = None
    energy: Any = None


@dataclass
class OptimisationNode:
    """Changes to one phase's optimiser; null keeps the preset's."""

    optimiser: str | None = None
    lr: float | None = None
    weight_decay: float | None = None
    momentum: float | None = None
    schedule: str | None = None
    gamma: float | None = None
    milestones: list[int] | None = None


@dataclass
class RecipeNode:
    """Changes to the benchmark's recipe at this preset; null keeps the preset's."""

    epochs: int | None = None
    search_epochs: int | None = None
    finetune_epochs: int | None = None
    batch: int | None = None
    mask_lr: float | None = None
    penalty_multiplier: float | None = None
    patience: int | None = None
    train_samples: int | None = None
    eval_samples: int | None = None
    dtype: str | None = None
    warmup: OptimisationNode = field(default_factory=OptimisationNode)
    search: OptimisationNode = field(default_factory=OptimisationNode)
    finetune: OptimisationNode = field(default_factory=OptimisationNode)


@dataclass
class PresetNode:
    """Which of the benchmark's presets applies."""

    name: str = MISSING


@dataclass
class Config:
    """One job of `suite run`.

    name: the experiment; records go to results_dir/name.
    compute: cpu, cuda or auto; threads: CPU threads, where null OMP_NUM_THREADS or all cores.
    network: a seed of one's own, package.module.Class, called without arguments; the benchmark's where null.
    space: what is searched: masks (widths of the seed), choices (the blocks of the benchmark's supernet), both.
    retry_failed: run failed runs again; fail_fast: stop at the first failure.
    """

    name: str = "default"
    results_dir: str = "results"
    seed: int = 0
    compute: str = "auto"
    threads: int | None = None
    network: str | None = None
    space: str = "masks"
    checkpoint_seconds: float = 10.0
    retry_failed: bool = False
    fail_fast: bool = False
    budget: BudgetNode = field(default_factory=BudgetNode)
    recipe: RecipeNode = field(default_factory=RecipeNode)
    preset: PresetNode = field(default_factory=PresetNode)
    benchmark: Any = MISSING
    method: Any = MISSING
    device: Any = MISSING


ConfigStore.instance().store(name="schema", node=Config)


def plain(node: Any) -> Any:
    """A config node as dicts and lists, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def build(node: Any, key: str) -> Any:
    """Instantiate the class that `node._target_` names with the node's other keys, checked against its annotations.

    Args:
        node: a config node or dict.
        key: where it stands, for messages: "method", "device", "benchmark.network".

    Raises:
        SuiteError: no such class, an unknown or missing key, a value of another type or out of range.
    """
    values = dict(plain(node))
    target = values.pop("_target_", None)
    if not isinstance(target, str):
        raise SuiteError(f"{key}._target_ is missing: name the class, as package.module.Class")
    try:
        factory = get_object(target)
    except Exception as error:
        raise SuiteError(f"{key}._target_={target}: cannot be imported ({error})") from error
    return _construct(factory, values, key)


def _construct(factory: Any, values: dict[str, Any], key: str) -> Any:
    """Call `factory(**values)`; dataclasses have their values converted and checked, nested ones first."""
    if dataclasses.is_dataclass(factory):
        values = {name: _convert(factory, name, value, key) for name, value in values.items()}
    try:
        return factory(**values)
    except (TypeError, ValueError) as error:
        text = str(error)
        raise SuiteError(text if text.startswith(f"{key}.") else f"{key}: {text}") from error


def _convert(factory: Any, name: str, value: Any, key: str) -> Any:
    fields = {f.name: f for f in dataclasses.fields(factory) if f.init}
    if name not in fields:
        raise SuiteError(f"{key}.{name}={value}: no such key. Choices: {', '.join(fields)}")
    kind: Any = fields[name].type
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise SuiteError(f"{key}.{name}={value}: expected a mapping")
        return _construct(kind, value, f"{key}.{name}")
    if kind not in (str, int, float, bool, str | None, int | None, float | None):
        return value
    node = dataclasses.make_dataclass("Value", [("value", kind)])
    try:
        return OmegaConf.structured(node(value)).value
    except OmegaConfBaseException as error:
        raise SuiteError(f"{key}.{name}={value}: {error.msg or error}".splitlines()[0]) from error


def apply_preset(config: DictConfig) -> tuple[dict[str, Any], Recipe, bool]:
    """The benchmark's node and its recipe under the job's preset, and whether the user changed the recipe.

    The recipe is the benchmark's, then its preset's, then what the `recipe` node sets. A preset may also
    change the benchmark's own keys, such as `augmentation`.

    Raises:
        SuiteError: the benchmark has no such preset, or a value is out of range.
    """
    benchmark = plain(config.benchmark)
    presets = benchmark.pop("presets", {})
    name = config.preset.name
    if name not in presets:
        raise SuiteError(f"preset={name}: {benchmark.get('name')} has none of that name. Choices: {', '.join(presets)}")
    preset = dict(presets[name] or {})
    for key in set(preset) & set(benchmark) - {"recipe"}:
        value = preset.pop(key)
        benchmark[key] = benchmark[key] | value if isinstance(value, dict) else value
    changes = _drop_none(plain(config.recipe))
    merged = OmegaConf.merge(benchmark.pop("recipe"), preset, changes)
    return benchmark, _construct(Recipe, plain(merged), "recipe"), bool(changes)


def _drop_none(node: dict[str, Any]) -> dict[str, Any]:
    pruned = {k: _drop_none(v) if isinstance(v, dict) else v for k, v in node.items()}
    return {k: v for k, v in pruned.items() if v not in (None, {})}
