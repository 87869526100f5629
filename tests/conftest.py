"""Shared fixtures: where the real packs are, small tasks, the built-in devices."""

import os
from pathlib import Path

import hypothesis
import pytest
import torch
from checkout import ROOT
from devices import device
from own_code import OwnCode

from suite.hardware.costs import HardwareModel

torch.set_num_threads(1)  # also for fixtures of modules, which run before those of functions

# The first import of torch within an example takes longer than any deadline worth having.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def packs() -> Path:
    """The folder of real packs: SUITE_TEST_DATA, or shared/data beside the checkout; skips where absent."""
    folder = Path(os.environ.get("SUITE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data packs in {folder}")
    return folder


@pytest.fixture(autouse=True)
def _fixed_threads_and_no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.delenv("SUITE_DATA_DIR", raising=False)


@pytest.fixture(scope="session")
def gap8() -> HardwareModel:
    return device("gap8")


@pytest.fixture(scope="session")
def nucleo() -> HardwareModel:
    return device("nucleo_l4r5zi")


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnCode:
    folder = tmp_path / "own"
    folder.mkdir()
    return OwnCode(folder, monkeypatch)
