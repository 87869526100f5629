"""Modules of a user's own, written for a test and imported as if they lay beside the YAML files."""

import importlib
import sys
from pathlib import Path

import pytest

NETWORK = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=8, classes=10, slope=0.0):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.act = nn.LeakyReLU(slope)
        self.fc = nn.Linear(width * 36, classes)

    def forward(self, x):
        return self.fc(self.act(self.conv(x)).flatten(1))
"""
"""A network for 8x8 digits."""


class OwnCode:
    """A folder on the module path in which files may be written again: the next import sees the new text."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.syspath_prepend(str(folder))

    def write(self, module: str, source: str) -> None:
        (self.folder / f"{module}.py").write_text(source)
        self._monkeypatch.delitem(sys.modules, module, raising=False)
        for cached in (self.folder / "__pycache__").glob(f"{module}.*"):
            cached.unlink()
        importlib.invalidate_caches()
