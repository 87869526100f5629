"""Who works on a run: a small file in its folder that others may read without touching the run's lock.

The lock decides who may work on a run; taking it, even for a moment, would make a run that starts just then believe
that another process has it. So `suite status` reads the claim instead.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.data.files import write_atomic

CLAIM = "claim.json"
_EXPIRES_S = 120.0
"""A claim from another machine counts for so long after the last sign of life in the run's folder."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """State in `folder` that this process works on the run; for who holds the run's lock."""
    claim = {"host": platform.node(), "pid": os.getpid(), "started": _process_start(os.getpid())}
    path = folder / CLAIM
    write_atomic(path, json.dumps(claim).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def is_claimed(folder: Path) -> bool:
    """Whether a living process works on the run in `folder`; takes no lock and changes nothing.

    A process of this machine is looked up. One of another machine counts as living while it leaves checkpoints and
    heartbeats.
    """
    path = folder / CLAIM
    try:
        claim = json.loads(path.read_bytes())
        host, pid, started = str(claim["host"]), int(claim["pid"]), claim["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host == platform.node():
        return _is_alive(pid) and _process_start(pid) == started
    signs = [path, *(folder / "checkpoints").glob("*")]
    latest = max((sign.stat().st_mtime for sign in signs if sign.exists()), default=0.0)
    return time.time() - latest < _EXPIRES_S


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _process_start(pid: int) -> str | None:
    """When a process began, in ticks since the machine's start: tells it from a later one with its number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
