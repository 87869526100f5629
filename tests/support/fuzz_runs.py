"""What is fuzzed of a single run: its network, its checkpoints and the trials of its search."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import optuna
import torch
from fuzzing import ODD_VALUES, Fuzz, as_json, damaged, json_files, tensors
from hypothesis import strategies as st
from synthetic_files import ARCHITECTURE, NETWORK_NODES
from tasks import plan
from torch import nn

from baselines.optuna_file import STATE, StudyFile
from suite import SuiteError
from suite.deploy.load import load_network
from suite.engine.harness import execute
from suite.hardware.calibration.user_table import read_architecture
from suite.hardware.trace import trace
from suite.models.starters import SequenceNet
from suite.records.store import Store
from suite.records.tensors import encode_tensors, load_tensors
from suite.space.groups import channel_groups
from suite.task.progress import Progress


def _network(folder: Path) -> tuple[Path, dict[str, Any], dict[str, torch.Tensor]]:
    """A run's folder with a small network, its architecture and its weights."""
    network, shape = SequenceNet(in_channels=2, classes=3), (2, 16)
    layers = trace(network, shape)
    node = {"_target_": "suite.models.starters.SequenceNet", "in_channels": 2, "classes": 3}
    groups = channel_groups(layers)
    widths = {groups.names[i]: n for i, n in enumerate(groups.sizes) if not groups.frozen[i]}
    tree = ARCHITECTURE | NETWORK_NODES | {"reference_network": node, "input_shape": list(shape), "widths": widths}
    (folder / "run").mkdir()
    return folder / "run", tree, network.state_dict()


def architecture(folder: Path) -> Fuzz:
    """architecture.json, as it is loaded with its weights, and as `suite device fit` reads it."""
    run, tree, state = _network(folder)
    (run / "weights.pt").write_bytes(encode_tensors(state))
    (run / "architecture.json").write_bytes(as_json(tree))
    assert isinstance(load_network(run), nn.Module)
    (folder / "measured.csv").write_text("network,latency_ms\nrun,5\n")

    def check(content: bytes) -> None:
        (run / "architecture.json").write_bytes(content)
        for read in (load_network, lambda folder: read_architecture(folder / "architecture.json")):
            with suppress(SuiteError):
                read(run)

    return Fuzz(json_files(tree), check)


def weights(folder: Path) -> Fuzz:
    run, tree, state = _network(folder)
    (run / "architecture.json").write_bytes(as_json(tree))

    def check(content: bytes) -> None:
        (run / "weights.pt").write_bytes(content)
        with suppress(SuiteError):
            load_network(run)

    return Fuzz(st.one_of(damaged(encode_tensors(state)), tensors(dict(state))), check)


def checkpoint(folder: Path) -> Fuzz:
    """The training that runs share: damaged, it is made again; whole and of somebody else, a run fails by it."""
    made, store = plan("method=hand_tuned", "recipe.epochs=1", "recipe.train_samples=32"), Store(folder, "test")
    record = execute(made, store, Progress())
    (path,) = folder.rglob("reference.pt")
    content, state = path.read_bytes(), load_tensors(path)

    def check(content: bytes) -> None:
        path.write_bytes(content)
        shutil.rmtree(store.run_folder(made.id))
        again = execute(made, Store(folder, "test"), Progress())
        assert again.scores == record.scores or (again.status == "failed" and again.error)

    return Fuzz(st.one_of(damaged(content), tensors(state)), check, few=3)


def study(folder: Path) -> Fuzz:
    """`study.db`: other bytes, and other values written by SQL."""
    path = folder / "study.db"
    distributions = {"a": optuna.distributions.IntDistribution(0, 3)}
    with closing(StudyFile(path, ["score", "weights"])) as file:
        for i in range(3):
            file.add_trial(
                optuna.trial.create_trial(
                    values=[0.5, float(i)], params={"a": i}, distributions=distributions, user_attrs={STATE: "trained"}
                )
            )
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(t, row[1]) for t in tables for row in connection.execute(f"PRAGMA table_info({t})")]
    odd = st.sampled_from([v for v in ODD_VALUES if isinstance(v, str | float | None) and v != "\ud800"] + [2**62, -1])

    def check(drawn: bytes | tuple[tuple[str, str], Any]) -> None:
        path.write_bytes(drawn if isinstance(drawn, bytes) else content)
        if not isinstance(drawn, bytes):
            (table, column), value = drawn
            with closing(sqlite3.connect(path)) as connection, connection, suppress(sqlite3.Error):
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        with closing(StudyFile.open(path, ["score", "weights"])) as file:
            assert len(file.finished_trials()) in (0, 3)

    return Fuzz(st.one_of(damaged(content), st.tuples(st.sampled_from(columns), odd)), check, few=3)


RUNS: dict[str, Callable[[Path], Fuzz]] = {f.__name__: f for f in (architecture, weights, checkpoint, study)}
"""Name -> what makes the target in a folder."""
