"""What docs/extending.md promises: its files are written to an empty folder and its commands run there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks() -> list[tuple[str, str, str]]:
    return BLOCK.findall((ROOT / "docs" / "extending.md").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    for _, name, text in _blocks():
        if name:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return root


COMMANDS = [line for kind, _, text in _blocks() if kind == "bash" for line in text.splitlines()]


def test_commands_of_the_guide_run_in_their_order(folder: Path) -> None:
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    for command in COMMANDS:
        words = shlex.split(command)
        program = {"suite": [sys.executable, "-m", "suite.cli"], "python": [sys.executable]}[words[0]]
        done = subprocess.run([*program, *words[1:]], cwd=folder, capture_output=True, text=True, env=one_thread)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_guide_has_files_and_commands() -> None:
    assert len(COMMANDS) >= 7
    assert {name for _, name, _ in _blocks() if name} >= {"my_networks.py", "mine/benchmark/spots.yaml"}


def test_limits_that_the_guide_states() -> None:
    method = (ROOT / "baselines" / "random_search.py").read_text().splitlines()
    assert len(method) <= 30
    for device in (ROOT / "suite" / "config" / "conf" / "device").glob("*.yaml"):
        assert len(device.read_text().splitlines()) <= 15


PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/README.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    """Files and folders of the repository, links, and modules."""
    text = page.read_text()
    paths = re.findall(r"`((?:suite|baselines|tests|docs)/[\w./-]+)`", text)
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", text)
    modules = re.findall(r"`(suite(?:\.[a-z_]+)+)", text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    missing += [module for module in modules if not _is_module_or_member(module)]
    assert missing == []


def _is_module_or_member(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    modules = [ROOT.joinpath(*parts) for parts in (name.split("."), name.split(".")[:-1]) if len(parts) > 1]
    return any(path.with_suffix(".py").is_file() or path.is_dir() for path in modules)
