"""Loading a recorded network: the suite's own classes alone, unless the record is trusted."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from own_code import NETWORK, OwnCode
from tasks import plan

from suite import SuiteError
from suite.config.plan import Plan
from suite.deploy.load import load_network
from suite.engine.harness import architecture
from suite.records.tensors import save_tensors
from suite.space.groups import channel_groups


def record(folder: Path, made: Plan, **nodes: Mapping[str, Any]) -> Path:
    """What a run leaves of its reference network, untrained and unthinned; `nodes` replace parts of its JSON."""
    network = made.task.new_network()
    layers = made.task.space.network
    groups = channel_groups(layers)
    widths = {groups.names[i]: n for i, n in enumerate(groups.sizes) if not groups.frozen[i]}
    folder.mkdir(parents=True, exist_ok=True)
    content = architecture(made, widths, layers, {}) | nodes
    (folder / "architecture.json").write_text(json.dumps(content))
    save_tensors(folder / "weights.pt", network.state_dict())
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_may_be_text_or_a_path(kind: type, tmp_path: Path) -> None:
    made = plan()
    network = load_network(kind(record(tmp_path / "run", made)))
    expected = made.task.new_network().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())
    assert not network.training


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "suite.models.resnet8.os.system",
        "suite.models.nowhere.Net",
        "suite.models.initialise.initialise",
        "suite.models.resnet8.nn.LSTM",
        "suite.models.resnet8.Tensor",
        "suite.space.widths.SearchSpace",
        "suite.models.resnet8",
        "torch.nn.Identity",
        "",
    ],
)
@pytest.mark.parametrize("key", ["reference_network", "supernet"])
def test_what_is_no_network_class_of_the_suite_is_not_called(key: str, target: str, tmp_path: Path) -> None:
    node = {"_target_": target, "command": f"touch {tmp_path / 'ran'}"}
    more: dict[str, Any] = {"choices": {}} if key == "supernet" else {}
    folder = record(tmp_path / "run", plan(), **{key: node}, **more)
    with pytest.raises(SuiteError, match=rf"{key}: .*trusted=True"):
        load_network(folder)
    assert not (tmp_path / "ran").exists()


def test_a_foreign_class_that_a_module_of_the_suite_imports_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.models.resnet8.Foreign", torch.nn.Identity, raising=False)
    folder = record(tmp_path / "run", plan(), reference_network={"_target_": "suite.models.resnet8.Foreign"})
    with pytest.raises(SuiteError, match=r"trusted=True"):
        load_network(folder)


def test_os_system_is_not_run_though_it_is_trusted_to_be_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "system", calls.append)
    folder = record(tmp_path / "run", plan(), reference_network={"_target_": "os.system", "command": "true"})
    with pytest.raises(SuiteError):
        load_network(folder)
    assert calls == []


def test_a_users_network_is_imported_only_where_it_is_trusted(own_code: OwnCode, tmp_path: Path) -> None:
    own_code.write("own_net", NETWORK)
    made = plan("network=own_net.Net")
    folder = record(tmp_path / "run", made)
    own_code.write("own_net", f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n{NETWORK}")
    with pytest.raises(SuiteError, match=r"own_net\.Net is not a network of the suite"):
        load_network(folder)
    assert not (tmp_path / "ran").exists()
    network = load_network(folder, trusted=True)
    assert (tmp_path / "ran").exists()
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("name", ["architecture.json", "weights.pt"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    folder = record(tmp_path / "run", plan())
    (folder / name).unlink()
    with pytest.raises(SuiteError, match=name):
        load_network(folder)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"input_shape": [1, 8, 8], "reference_network": {}}'])
def test_an_architecture_that_is_damaged_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "architecture.json").write_text(content)
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(SuiteError, match="architecture"):
        load_network(tmp_path)


@pytest.mark.parametrize(("key", "value"), [("width", 10**6), ("classes", 10**9), ("width", 10**300), ("classes", -1)])
def test_a_network_that_would_take_all_memory_is_refused(key: str, value: int, tmp_path: Path) -> None:
    node = {"_target_": "suite.models.resnet8.ResNet8", "in_channels": 1, key: value}
    folder = record(tmp_path / "run", plan(), reference_network=node)
    with pytest.raises(SuiteError, match=r"parameters; at most|reference_network: "):
        load_network(folder)
