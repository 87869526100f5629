"""Who works on a run: a small file in its folder that others may read without touching the run's lock.

The lock decides who may work on a run; taking it, even for a moment, would make a run that starts just then believe
that another process has it. So `suite status` reads the claim instead.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from suite.data.files import write_atomic

CLAIM = "claim.json"
_RENEWED_S, _EXPIRES_S = 20.0, 120.0
"""A claim is renewed every 20 s; one of another machine counts for 120 s after that."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """State in `folder` that this process works on the run; for who holds the run's lock."""
    claim = {"host": platform.node(), "pid": os.getpid(), "started": _process_start(os.getpid())}
    path, ended = folder / CLAIM, threading.Event()
    write_atomic(path, json.dumps(claim).encode())
    heartbeat = threading.Thread(target=_renew, args=(path, ended), daemon=True)
    heartbeat.start()
    try:
        yield
    finally:
        ended.set()
        heartbeat.join()
        path.unlink(missing_ok=True)


def _renew(path: Path, ended: threading.Event) -> None:
    """Touch the claim until the run has ended, for processes of other machines that look at its time."""
    while not ended.wait(_RENEWED_S):
        with suppress(OSError):
            path.touch()


def is_claimed(folder: Path) -> bool:
    """Whether a living process works on the run in `folder`; takes no lock and changes nothing.

    A process of this machine is looked up. One of another machine counts as living while it renews its claim.
    """
    path = folder / CLAIM
    try:
        claim = json.loads(path.read_bytes())
        host, pid, started = str(claim["host"]), int(claim["pid"]), claim["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host == platform.node():
        return _is_alive(pid) and _process_start(pid) == started
    try:
        return time.time() - path.stat().st_mtime < _EXPIRES_S
    except OSError:  # the run has ended just now
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _process_start(pid: int) -> str | None:
    """When a process began, in ticks since the machine's start: tells it from a later one with its number.

    "ended" for one that was killed and that its parent has not asked after; None on systems without /proc.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "ended" if fields[0] in ("Z", "X") else fields[19]
    except (OSError, IndexError):
        return None
