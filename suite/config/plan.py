"""From a composed configuration to a run that is known to be possible: every check that needs no training.

A run's id is the hash of what can change its result: benchmark (version, data, network), method, device, absolute
targets, recipe, random seed and numerics. Paths, names and logging are not in it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig

from suite import SuiteError
from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.config import schema as _schema  # noqa: F401 - known to Hydra once imported
from suite.config.build import build, plain
from suite.config.identity import method_options, method_variant, network_label, settings_of, typed_settings
from suite.config.networks import PlannedNetwork, PlannedSupernet, plan_reference_network, plan_supernet
from suite.config.numerics import resolve_compute, resolve_dtype
from suite.config.presets import apply_preset
from suite.config.recipe_checks import check_recipe
from suite.hardware.arena import largest_beside_head
from suite.hardware.costs import HardwareModel
from suite.records.labels import run_label
from suite.records.store import content_id
from suite.space.board import check_board, with_board_limits
from suite.space.budget import Budget, parse_budget
from suite.space.choice_space import ChoiceSpace
from suite.space.width_space import WidthSpace
from suite.task.recipe import Recipe
from suite.task.task import Method, TaskSpec

SPACES = ("masks", "choices", "both")
_REFERENCE_TRAINING = ("batch", "warmup", "train_samples", "eval_samples", "dtype")
"""What of a recipe decides a training of the reference network, besides its length."""


@dataclass(frozen=True)
class Plan:
    """One run, checked and ready.

    id: the hash of `identity`, which holds everything that can change the result.
    task: all that a method will see but the data.
    variant: the options of the method that differ from its default, and a network of one's own; `options` are all
        options of the method.
    headline: the experiment's claim, see `RunRecord`; it changes no result, so that it is not in the id.
    preset: the preset's name, with "(changed)" where the recipe was changed.
    """

    id: str
    identity: Mapping[str, Any]
    benchmark: Benchmark
    task: TaskSpec
    method: Method
    variant: Mapping[str, Any]
    options: Mapping[str, Any]
    budget: Budget
    preset: str
    threads: int
    headline: Mapping[str, str]

    @property
    def label(self) -> str:
        """One line that names the run to a person."""
        return run_label(self.benchmark.name, self.method.name, self.variant, self.budget.label, self.task.seed)


def make_plan(config: DictConfig) -> Plan:
    """Check a configuration and resolve it; trains nothing, decodes nothing.

    Raises:
        SuiteError: anything in the configuration that cannot work, data that is missing, a budget out of reach.
    """
    benchmark_node, recipe, changed = apply_preset(config)
    benchmark = build_benchmark(benchmark_node)
    method_node = plain(config.method)
    method: Method = build(method_node, "method")
    hardware = HardwareModel(build(config.device, "device"))
    network = plan_reference_network(config.network, benchmark_node, benchmark.input_shape)
    space = WidthSpace(network.layers, hardware)
    limits = plain(config.budget)
    within_board = limits.pop("board")
    budget = parse_budget(limits, space.reference_costs, hardware.units)
    check_board(budget, hardware.device)
    space_name = _space_name(config.space, method)
    supernet, choices = None, None
    if space_name != "masks":
        supernet = plan_supernet(config, benchmark_node, benchmark.input_shape, network.layers.output.channels)
        choices = ChoiceSpace(supernet.graph, hardware, masked=space_name == "both")
    if within_board:
        widest = (network.layers,) if supernet is None else (supernet.graph.network, supernet.graph.branch_of)
        budget = with_board_limits(budget, hardware.device, largest_beside_head(*widest))
    (choices or space).check_reachable(budget)
    compute, threads = resolve_compute(config)
    recipe = replace(recipe, dtype=resolve_dtype(recipe.dtype, compute))
    check_recipe(recipe, benchmark, network.factory)
    numerics = {"seed": config.seed, "compute": compute, "threads": threads}
    shared_key = _shared_key(benchmark, benchmark_node, recipe, network, supernet, numerics)
    identity = {
        **shared_key,
        "recipe": settings_of(recipe),
        "method": {
            **typed_settings(method, method_node, getattr(method, "ignored_in_id", ())),
            "version": method.version,
        },
        "device": typed_settings(hardware.device, plain(config.device)),
        "targets": budget.targets,
        **({} if choices is None else {"space": space_name}),
    }
    identity = json.loads(json.dumps(identity))  # as the record will hold it: lists for tuples
    own_network = {"network": network_label(network.identity)} if config.network else {}
    task = TaskSpec(
        name=benchmark.name,
        seed=config.seed,
        input_shape=tuple(benchmark.input_shape),
        reference_network=network.factory,
        balanced=benchmark.balanced,
        recipe=recipe,
        hardware=hardware,
        space=space,
        standard_forward_macs=space.reference_costs["macs"],
        compute=compute,
        shared_key=shared_key,
        choices=choices,
        supernet=None if supernet is None else supernet.factory,
    )
    return Plan(
        id=content_id(identity),
        identity=identity,
        benchmark=benchmark,
        task=task,
        method=method,
        variant=method_variant(method, method_node, space_name) | own_network,
        options=method_options(method, method_node),
        budget=budget,
        preset=f"{config.preset.name} (changed)" if changed else config.preset.name,
        threads=threads,
        headline=_headline(config, own_network),
    )


def _headline(config: DictConfig, own_network: Mapping[str, Any]) -> dict[str, str]:
    """The claim, its candidate's label completed by a network of one's own, whose hash nobody knows beforehand."""
    headline = {key: str(value) for key, value in plain(config.headline).items() if value is not None}
    if own_network and "network=" not in (name := headline.get("candidate", "network=")):
        options = f"{name.removesuffix(')')}, " if name.endswith(")") else f"{name} ("
        headline["candidate"] = f"{options}network={own_network['network']})"
    return headline


def build_benchmark(node: Mapping[str, Any]) -> Benchmark:
    """The benchmark that a config node describes, with or without networks, recipe and presets.

    Raises:
        SuiteError: as `build`, or the score of guessing or an example's shape is none.
    """
    benchmark: Benchmark = build(benchmark_settings(node), "benchmark")
    if not math.isfinite(benchmark.chance):
        raise SuiteError(f"benchmark.chance={benchmark.chance}: must be a number, the score of guessing")
    shape = benchmark.input_shape
    if not (isinstance(shape, list | tuple) and all(type(n) is int for n in shape)):
        raise SuiteError(f"benchmark.input_shape={shape}: expected a list of whole numbers, such as [3, 32, 32]")
    return benchmark


def _shared_key(
    benchmark: Benchmark,
    node: Mapping[str, Any],
    recipe: Recipe,
    network: PlannedNetwork,
    supernet: PlannedSupernet | None,
    numerics: Mapping[str, Any],
) -> dict[str, Any]:
    """What a training of the reference network depends on, besides its length."""
    settings = typed_settings(benchmark, node, ignored=("data", "title"))
    return {
        "benchmark": {**settings, "version": benchmark.version, "network": network.identity},
        "data": benchmark.source().fingerprint(),
        "recipe": {name: value for name, value in settings_of(recipe).items() if name in _REFERENCE_TRAINING},
        **numerics,
        **({} if supernet is None else {"supernet": supernet.identity}),
    }


def _space_name(name: str, method: Method) -> str:
    """The space that a run searches: masks for a method that does not search."""
    if name not in SPACES:
        raise SuiteError(f"space={name}: choices are {', '.join(SPACES)}")
    able = getattr(method, "spaces", ("masks",))
    if able and name not in able:
        raise SuiteError(f"space={name}: method {method.name} searches {', '.join(able)} only")
    return name if able else "masks"
