"""Small real runs for tests: the bundled digits, cut short, in a folder of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from suite.config import schema as _schema  # noqa: F401 - known to Hydra once imported
from suite.config.plan import Plan, make_plan
from suite.engine.harness import load_data, make_task
from suite.records.store import Store
from suite.task.progress import Progress
from suite.task.task import Task, Workspace


def plan(*overrides: str, preset: str = "smoke", nodes: Mapping[str, Any] | None = None) -> Plan:
    """The plan of one digits run, on one thread; `nodes` replace whole nodes, by dotted key."""
    return make_plan(job(*overrides, preset=preset, nodes=nodes))


def job(*overrides: str, preset: str = "smoke", nodes: Mapping[str, Any] | None = None) -> DictConfig:
    """The composed configuration of `plan`."""
    GlobalHydra.instance().clear()
    with initialize_config_module("suite.conf", version_base="1.3"):
        config = compose("config", [f"preset={preset}", "threads=1", *overrides])
    for key, node in (nodes or {}).items():
        OmegaConf.update(config, key, OmegaConf.create(dict(node)), merge=False, force_add=True)
    return config


def task(folder: Path, *overrides: str, checkpoint_seconds: float = 0.0) -> tuple[Task, Plan]:
    """The task that a method would see."""
    made = plan(*overrides)
    store = Store(folder, "test")
    data = load_data(made.benchmark, store)
    workspace = Workspace(store.run_folder(made.id), store, checkpoint_seconds)
    return make_task(made, data, workspace, Progress()), made


def labels(names: Sequence[str]) -> str:
    """A sweep's choices."""
    return ",".join(names)
