"""Small real runs for tests: the bundled digits, cut short, in a folder of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from suite.config.plan import Plan, make_plan
from suite.data.base import Split
from suite.engine.harness import make_task
from suite.records.store import Store
from suite.task.progress import Progress
from suite.task.splits import load_data
from suite.task.task import Task, Workspace


def plan(*overrides: str, preset: str = "smoke", nodes: Mapping[str, Any] | None = None) -> Plan:
    """The plan of one digits run, on one thread; `nodes` replace whole nodes, by dotted key."""
    return make_plan(job(*overrides, preset=preset, nodes=nodes))


def job(*overrides: str, preset: str = "smoke", nodes: Mapping[str, Any] | None = None) -> DictConfig:
    """The composed configuration of `plan`."""
    GlobalHydra.instance().clear()
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        config = compose("config", [f"preset={preset}", "threads=1", *overrides])
    for key, node in (nodes or {}).items():
        OmegaConf.update(config, key, OmegaConf.create(dict(node)), merge=False, force_add=True)
    return config


def task(
    folder: Path, *overrides: str, checkpoint_seconds: float = 0.0, nodes: Mapping[str, Any] | None = None
) -> tuple[Task, Plan]:
    """The task that a method would see."""
    made = plan(*overrides, nodes=nodes)
    store = Store(folder, "test")
    data = load_data(made.benchmark, store)
    workspace = Workspace(store.run_folder(made.id), store, checkpoint_seconds)
    return make_task(made, data, workspace, Progress()), made


def without_examples(of: Task) -> Task:
    """The task as a method's `check` may see it: as many examples and labels, each example empty."""
    train, validation = (Split(torch.empty(len(split), 0), split.y) for split in (of.train, of.validation))
    return replace(of, train=train, validation=validation)


def labels(names: Sequence[str]) -> str:
    """A sweep's choices."""
    return ",".join(names)
