"""The environment manifest of a record: machine, versions and code that a run was made with."""

import platform
import re
import shlex
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import suite

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "optuna", "hydra-core")
"""The packages whose version can change a result."""


def environment(compute: str, threads: int, dtype: str, data_hash: str) -> dict[str, Any]:
    """Machine, versions and code, for the record. Of all this only compute, threads, dtype and data enter a run's id.

    Args:
        compute: "cpu" or "cuda".
        threads: of the CPU; 0 on a GPU.
        dtype: the number format of training, "fp32" or "bf16".
        data_hash: the fingerprint of the benchmark's data.
    """
    return {
        "suite": suite.__version__,
        "command": _command(),
        "python": platform.python_version(),
        "versions": _versions(),
        "platform": platform.platform(),
        "processor": _cpu_info().get("model name", platform.processor()),
        "processor_flags": _cpu_info().get("flags", ""),
        "gpu": torch.cuda.get_device_name() if compute == "cuda" else None,
        "compute": compute,
        "threads": threads,
        "dtype": dtype,
        "data": data_hash,
        **code_state(),
    }


def _command() -> str:
    """The command line; of paths that begin at the root or a home only the last part, the rest is private."""
    private = re.compile(r"(?<![\w.~/-])[~/][^\s,:={}\[\]'\"]*/")
    return " ".join([Path(sys.argv[0]).name, *(shlex.quote(private.sub("", word)) for word in sys.argv[1:])])


@lru_cache
def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # one that was copied into place has no metadata: no reason to lose a result
            versions[package] = "not installed"
    return versions


@lru_cache
def _cpu_info() -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo; empty on systems without it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    entries = (line.partition(":") for line in reversed(lines))  # of several entries the first is kept
    return {key.strip(): value.strip() for key, _, value in entries}


@lru_cache
def code_state() -> dict[str, Any]:
    """The git commit of the suite's code and whether its tree was clean; null where it is no checkout."""
    folder = Path(suite.__file__).resolve().parents[1]
    commit = _git(folder, "rev-parse", "HEAD") if (folder / ".git").exists() else None
    if commit is None:
        return {"commit": None, "clean": None}
    changes = _git(
        folder, "status", "--porcelain", "--untracked-files=normal", "--", "suite", "baselines", "pyproject.toml"
    )
    return {"commit": commit, "clean": None if changes is None else changes == ""}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
