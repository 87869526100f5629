"""The manifest of a record: what a run was made with, and nothing that is private."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import ROOT
from tasks import plan

import suite
from suite.engine.environment import _versions, code_state, environment
from suite.engine.harness import execute
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.progress import Progress


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    made = plan("method=hand_tuned", "recipe.epochs=1")
    return execute(made, Store(tmp_path_factory.mktemp("run"), "test"), Progress())


def test_versions_numerics_and_data_are_told(record: RunRecord) -> None:
    manifest = record.environment
    assert manifest["suite"] == suite.__version__
    assert manifest["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "numpy", "scipy", "scikit-learn", "pandas", "optuna", "hydra-core"} <= set(manifest["versions"])
    assert all(re.match(r"\d+\.\d+", version) for version in manifest["versions"].values())
    assert (manifest["compute"], manifest["threads"], manifest["dtype"]) == ("cpu", 1, "fp32")
    assert manifest["data"] == record.config["data"]
    assert re.fullmatch("[0-9a-f]{64}", manifest["data"])
    assert manifest["gpu"] is None


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux only")
def test_the_processor_is_told_with_its_flags(record: RunRecord) -> None:
    assert record.environment["processor"]
    assert len(record.environment["processor_flags"].split()) > 10


def test_no_folder_of_the_machine_is_told(record: RunRecord) -> None:
    text = json.dumps({**record.environment})
    for private in (str(Path.home()) + "/", str(ROOT), sys.prefix):
        assert private not in text


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/home/me/bin/suite", "run"], "suite run"),
        (["suite", "results_dir=/home/me/results", "seed=0,1"], "suite results_dir=results seed=0,1"),
        (["suite", "--config-dir", "~/mine"], "suite --config-dir mine"),
        (["suite", "benchmark.data={pack:/home/me/x.npz}"], "suite 'benchmark.data={pack:x.npz}'"),
        (["suite", "hydra.searchpath=[file:///home/me/x]"], "suite 'hydra.searchpath=[file:x]'"),
        (["suite", "+experiment=paper_main/digits"], "suite +experiment=paper_main/digits"),
        (["suite", "~method.levels", "budget={ram:50%}"], "suite '~method.levels' 'budget={ram:50%}'"),
    ],
)  # fmt: skip
def test_the_command_names_files_and_no_private_folders(
    words: list[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    assert environment("cpu", 1, "fp32", "a")["command"] == command


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the suite's code seems to lie in."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "results").mkdir()
    for file in ("suite/__init__.py", "results/note", "pyproject.toml"):
        (tmp_path / file).write_text("")
    monkeypatch.setattr(suite, "__file__", str(tmp_path / "suite" / "__init__.py"))
    yield tmp_path
    code_state.cache_clear()


def commit_and_clean() -> tuple[object, object]:
    code_state.cache_clear()  # of one process the code does not change
    manifest = environment("cpu", 1, "fp32", "a")
    return manifest["commit"], manifest["clean"]


def test_the_commit_is_told_and_whether_the_code_was_changed_since(checkout: Path) -> None:
    assert commit_and_clean() == (None, None), "no checkout yet"
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "first")
    (checkout / "results" / "note").write_text("results are no code")
    assert commit_and_clean() == (git(checkout, "rev-parse", "HEAD"), True)
    (checkout / "suite" / "new.py").write_text("a module that nobody committed")
    assert commit_and_clean() == (git(checkout, "rev-parse", "HEAD"), False)
    (checkout / "suite" / "new.py").unlink()
    (checkout / "suite" / "__init__.py").write_text("changed = True\n")
    assert commit_and_clean() == (git(checkout, "rev-parse", "HEAD"), False)


def test_only_numerics_and_data_of_the_manifest_are_in_a_runs_id() -> None:
    assert environment("cpu", 1, "fp32", "a") != environment("cpu", 1, "fp32", "b")
    identity = plan().identity
    assert not {"commit", "versions", "processor", "command"} & set(identity)
    assert {"data", "compute", "threads"} <= set(identity)
    assert identity["recipe"]["dtype"] == "fp32"


def test_a_package_without_metadata_costs_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.engine.environment._PACKAGES", ("torch", "no-such-package"))
    versions = _versions.__wrapped__()
    assert versions["no-such-package"] == "not installed"
    assert versions["torch"] != "not installed"
