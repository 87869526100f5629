"""`suite deploy` and `suite run deploy=true` from end to end, on digits."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from suite import SuiteError
from suite.cli.main import main
from suite.config.recorded import benchmark_of
from suite.deploy import deployment
from suite.deploy.load import load_network
from suite.records.deployment import Compared, Deployed
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.records.tensors import encode_tensors
from suite.task.splits import load_data, subset

pytestmark = pytest.mark.deploy

BUDGET = ("budget.weights=50%", "budget.ram=50%")


def _run(*arguments: str) -> int:
    return main(["run", "preset=smoke", "threads=1", "name=test", *arguments])


def _folder(root: Path) -> Path:
    (folder,) = (root / "results" / "test" / "runs").glob("*")
    return folder


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployed run's folder."""
    root = tmp_path_factory.mktemp("deployed")
    before = Path.cwd()
    os.chdir(root)
    try:
        assert _run(*BUDGET) == 0
        assert main(["deploy", "test", "--best"]) == 0
    finally:
        os.chdir(before)
    return _folder(root)


def _record(folder: Path) -> RunRecord:
    return RunRecord.from_json((folder / "record.json").read_bytes())


def test_the_network_fits_its_ram_limit_in_the_interpreter(deployed: Path) -> None:
    """Digits at weights 50 % and RAM 50 %: before padding was modelled, 1,504 B were predicted and 1,696 B needed."""
    record, measured = _record(deployed), Deployed.from_json((deployed / "deploy.json").read_bytes())
    assert record.targets["ram"] == 1536
    assert measured.ram == Compared(1536, int(record.costs["ram"]), int(record.costs["ram"]))
    assert measured.ram.fits
    assert measured.flash.actual <= measured.flash.predicted == record.costs["flash"] <= 1.02 * measured.flash.actual
    assert measured.arena.actual < measured.arena.predicted < 1.2 * measured.arena.actual


def test_all_files_are_there(deployed: Path) -> None:
    names = {p.relative_to(deployed / "deploy").as_posix() for p in (deployed / "deploy").rglob("*") if p.is_file()}
    bundle = {f"bundle/{name}" for name in ("network.c", "network.h", "test_vector.h", "README.md")}
    assert names == {"network.pt2", "network.onnx", "network.tflite", *bundle}
    assert (deployed / "deploy" / "network.tflite").stat().st_size == json.loads(
        (deployed / "deploy.json").read_text()
    )["flash"]["actual"]


def test_the_float_files_compute_the_network(deployed: Path) -> None:
    import onnxruntime

    network, x = load_network(deployed), torch.randn(5, 1, 8, 8)
    with torch.no_grad():
        expected = network(x)
    exported = torch.export.load(deployed / "deploy" / "network.pt2").module()
    for example, output in zip(x, expected, strict=True):
        assert torch.allclose(exported(example[None]), output[None], atol=1e-5)
    session = onnxruntime.InferenceSession(deployed / "deploy" / "network.onnx")
    (output,) = session.run(None, {"input": x.numpy()})
    assert np.allclose(output, expected.numpy(), atol=1e-4)


def test_the_interpreters_are_compared_operator_by_operator(deployed: Path) -> None:
    measured = Deployed.from_json((deployed / "deploy.json").read_bytes())
    assert measured.micro.examples == 100
    assert measured.micro.largest_difference <= 1
    assert [x["operator"] for x in measured.micro.operators][-1] == "FULLY_CONNECTED"
    assert max(x["largest_difference"] for x in measured.micro.operators) <= 1
    assert abs(measured.score - _record(deployed).scores["test"]) <= 0.05  # of 100 examples


def test_ranges_are_calibrated_on_training_examples_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[torch.Tensor] = []

    def look(network: torch.nn.Module, examples: torch.Tensor) -> bytes:
        seen.append(examples)
        raise SuiteError("seen enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(deployment, "convert", look)
    assert _run("method=hand_tuned") == 0
    record = _record(_folder(tmp_path))
    assert main(["deploy", record.id]) == 2
    assert "seen enough" in capsys.readouterr().err
    benchmark = benchmark_of(record)
    data = load_data(benchmark, Store(tmp_path / "results", "test"))
    prepared = benchmark.fit_preprocessing(data).preprocess
    training = {bytes(x.numpy()) for x in prepared(subset(data.train, record.config["recipe"]["train_samples"]).x)}
    calibrated = {bytes(x.numpy()) for x in seen[0]}
    assert len(seen[0]) == 200
    assert calibrated <= training


def test_a_run_deploys_at_its_end_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(*BUDGET, "deploy=true") == 0
    assert "int8: accuracy" in caplog.text
    assert (_folder(tmp_path) / "deploy.json").exists()
    assert _run(*BUDGET, "deploy=true") == 0
    assert "deployed before" in caplog.text


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(_OWN.format(activation="ReLU"))
    assert _run("network=mine.Net", "method=hand_tuned") == 0
    assert main(["deploy", _folder(tmp_path).name]) == 2  # its code runs only where it is trusted
    assert main(["deploy", _folder(tmp_path).name, "--trusted"]) == 0
    record, measured = _record(_folder(tmp_path)), Deployed.from_json((_folder(tmp_path) / "deploy.json").read_bytes())
    assert measured.ram.actual == record.costs["ram"]


def test_what_cannot_be_converted_keeps_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaky.py").write_text(_OWN.format(activation="LeakyReLU"))
    assert _run("network=leaky.Net", "method=hand_tuned", "deploy=true") == 1
    assert "not deployed: network Net has operators without an int8 kernel: LEAKY_RELU" in caplog.text
    assert _record(_folder(tmp_path)).status == "done"


@pytest.fixture
def copied(deployed: Path, tmp_path: Path) -> Path:
    """The run's folder without what was deployed."""
    folder = tmp_path / "results" / "test" / "runs" / deployed.name
    folder.mkdir(parents=True)
    for name in ("record.json", "architecture.json", "weights.pt"):
        (folder / name).write_bytes((deployed / name).read_bytes())
    return folder


def _change(path: Path, keys: Sequence[str], value: object) -> None:
    content = json.loads(path.read_text())
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    content.pop("checksum", None)  # as of a version that wrote none
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("config", "data"), "another", "was trained on data another"),
        (("config", "benchmark", "version"), 1, "benchmark.version=1, here it is 2: make the run again"),
        (("config", "benchmark", "chance"), 0.5, "benchmark.chance=0.5, here it is 0.1: give benchmark.chance as"),
    ],
)
def test_a_run_that_was_made_otherwise_is_refused(
    keys: Sequence[str], value: object, message: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change(copied / "record.json", keys, value)
    assert main(["deploy", str(copied)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.pt", None, "not there; weights stay where the run was made"),
        ("weights.pt", b"torn", "weights.pt: damaged"),
        ("weights.pt", encode_tensors({"of": "another network"}), "do not make a network"),
        ("architecture.json", b"{}", "recorded before networks padded as TensorFlow does"),
    ],
)
def test_files_that_make_no_network_are_refused(
    name: str, content: bytes | None, message: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / name).unlink()
    if content is not None:
        (copied / name).write_bytes(content)
    assert main(["deploy", str(copied), "--results-dir", "elsewhere"]) == 2
    assert message in capsys.readouterr().err


def test_overrides_may_follow_options(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "weights.pt").unlink()
    root = str(copied.parents[2])
    assert main(["deploy", "test", "--results-dir", root, "--best", "benchmark.data.pack=null"]) == 2
    assert "not there; weights stay" in capsys.readouterr().err


def test_a_parallel_sweep_says_what_was_not_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaky2.py").write_text(_OWN.format(activation="LeakyReLU"))
    sweep = ("hydra/launcher=joblib", "network=leaky2.Net", "method=hand_tuned", "seed=0,1", "deploy=true")
    assert main(["run", "-m", "preset=smoke", "threads=1", *sweep]) == 1


_OWN = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 8, 3, 2, padding=1), nn.BatchNorm2d(8), nn.{activation}(),
            nn.Conv2d(8, 16, 3, 2, padding=1), nn.BatchNorm2d(16), nn.{activation}(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
        )
"""
