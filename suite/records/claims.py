"""Who works on a run: a small file in its folder, for processes on any machine that shares the folder.

A lock of the operating system (`Store.lock`) keeps processes of one machine apart, and vanishes with its process; many
shared file systems do not pass it on to other machines. So a run also has a claim: its owner renews the file's time
every 20 s, and a claim of another machine that is not renewed for the time that it states has expired. Times are the
file system's own, so that machines need not agree on the time. `suite status` reads claims and takes no lock.
"""

import datetime
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from suite.data.files import StorageError, write_atomic

CLAIM = "claim.json"
_RENEWED_S, _EXPIRES_S = 20.0, 120.0


class ClaimedError(Exception):
    """Another process has the claim; the text says which."""


@dataclass(frozen=True)
class Claim:
    """A process that works on a run, or did until it was stopped or killed.

    host, pid: where it runs.
    started: when the process began, as `_process_start` tells it.
    since: when its work on the run began, UTC.
    token: tells this claim from every other.
    expires_s: seconds without a renewal after which it counts no more.
    ended: why it stopped, such as "SIGTERM"; "" while it works, and after a kill.
    """

    host: str
    pid: int
    started: str | None
    since: str
    token: str
    expires_s: float = _EXPIRES_S
    ended: str = ""

    @property
    def owner(self) -> str:
        """Who has it, for people."""
        return f"process {self.pid} on {self.host}, since {self.since}"

    def is_alive(self, age_s: float) -> bool:
        """Whether its process works on the run, `age_s` seconds after the claim was renewed.

        A process of this machine is looked up. An age below 0 means that a clock has jumped.
        """
        if self.ended:
            return False
        if self.host == platform.node():
            return _is_alive(self.pid) and _process_start(self.pid) == self.started
        return abs(age_s) < self.expires_s


@contextmanager
def claimed(folder: Path, on_loss: Callable[[str], None] = lambda _: None) -> Iterator[Callable[[], None]]:
    """Claim the run in `folder`; what it yields checks that the claim is still this process's.

    After Ctrl-C, a request to stop or a full disk the claim stays, and says why it ended.

    Args:
        folder: the run's.
        on_loss: called with the new owner, from another thread, when another process has taken the claim over, as it
            may after this one did not run for a while.

    Raises:
        ClaimedError: another process works on the run; on checking, another one took it over.
    """
    path, ended = folder / CLAIM, threading.Event()
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    claim = Claim(platform.node(), os.getpid(), _process_start(os.getpid()), now, uuid.uuid4().hex)
    heartbeat = threading.Thread(target=_renew, args=(path, claim, ended, on_loss), daemon=True)
    reason = ""
    try:  # a signal may come at any moment, also between these lines
        _take(path, claim)
        heartbeat.start()
        yield lambda: _check(path, claim)
    except KeyboardInterrupt as stop:
        reason = str(stop) or "Ctrl-C"
        raise
    except StorageError:
        reason = "a file could not be written"
        raise
    finally:
        _end(path, claim, heartbeat, ended, reason)


def _take(path: Path, claim: Claim) -> None:
    """Write the claim unless another process has one; a file that only one process can create keeps them apart."""
    gate = path.with_name(f"{CLAIM}.lock")
    with suppress(FileNotFoundError):
        if time.time() - gate.stat().st_mtime > _EXPIRES_S:  # its process was killed within these lines
            gate.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        gate.open("x").close()
    except FileExistsError as error:
        raise ClaimedError("another process that is just beginning") from error
    try:
        current = read_claim(path.parent)
        if current is not None and current.is_alive(gate.stat().st_mtime - path.stat().st_mtime):
            raise ClaimedError(current.owner)
        write_atomic(path, json.dumps(asdict(claim)).encode())
    finally:
        gate.unlink(missing_ok=True)


def _check(path: Path, claim: Claim) -> None:
    current = read_claim(path.parent)
    if current is not None and current.token != claim.token:
        raise ClaimedError(current.owner)


def _end(path: Path, claim: Claim, heartbeat: threading.Thread, ended: threading.Event, reason: str) -> None:
    """Give the claim back, or leave it with the reason why it ended; one of another process is not touched."""
    ended.set()
    if heartbeat.ident is not None:  # it was started
        heartbeat.join()
    with suppress(ClaimedError, OSError):
        _check(path, claim)
        if reason:
            write_atomic(path, json.dumps(asdict(replace(claim, ended=reason))).encode())
        else:
            path.unlink(missing_ok=True)


def _renew(path: Path, claim: Claim, ended: threading.Event, on_loss: Callable[[str], None]) -> None:
    """Renew the claim's time until the run has ended, or another process has taken it over."""
    while not ended.wait(_RENEWED_S):
        try:
            _check(path, claim)
            os.utime(path)
        except ClaimedError as error:
            on_loss(str(error))
            return
        except OSError:  # shared storage that is away for a moment
            continue


def read_claim(folder: Path) -> Claim | None:
    """The claim in a run's folder, of a process that works or worked on it; None where there is none to be read."""
    try:
        claim = Claim(**json.loads((folder / CLAIM).read_bytes()))
        return replace(claim, pid=int(claim.pid), expires_s=float(claim.expires_s))
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def living_claim(folder: Path) -> Claim | None:
    """The claim of the process that works on the run in `folder`, if one does; takes no lock and changes nothing."""
    claim = read_claim(folder)
    try:
        age = time.time() - (folder / CLAIM).stat().st_mtime
    except OSError:  # the run has ended just now
        return None
    return claim if claim is not None and claim.is_alive(age) else None


def _is_alive(pid: int) -> bool:
    try:
        with suppress(PermissionError):  # another user's
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # a number that no process can have
        return False
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
