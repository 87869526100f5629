"""SIGTERM and `suite run --timeout`: runs stop where nothing is lost, those that were not begun stay planned.

A launcher's workers are processes of this machine or of others, and no launcher passes a signal on to all of them. So
what a call and its workers share is a file in the results: who ends the call writes its reason there, and each of them
looks for it once a second.
"""

import os
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from suite import SuiteError
from suite.data.files import write_atomic
from suite.engine import jobs
from suite.task import interruption

TIMEOUT, SIGTERM, FAIL_FAST, ERROR = "--timeout", "SIGTERM", "fail_fast", "error: "
_CALL = "SUITE_CALL"
"""Variable of the environment that Hydra sets for each run of a call, whatever launches it."""
_LOOK_EVERY_S = 1.0
_PATIENCE_S = 90.0  # NFS may show a new file after a minute
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


_caller: tuple[int, str] | None = None


def exit_code(reason: str) -> int:
    """124 where the time was over, as of timeout(1); 143 after SIGTERM; 130 after Ctrl-C; 1 after a failure with
    `fail_fast`; 2 where the reason is a worker's error.
    """
    return 2 if reason.startswith(ERROR) else {TIMEOUT: 124, SIGTERM: 143, FAIL_FAST: 1}.get(reason, 130)


def parse_timeout(text: str) -> float:
    """The seconds of `--timeout 30m`.

    Raises:
        SuiteError: the time is no positive number with s, m, h or d.
    """
    match = re.fullmatch(r"(\d+\.?\d*)([smhd]?)", text)
    if match is None or float(match[1]) == 0:
        raise SuiteError(f"{TIMEOUT} {text}: a positive number with one of s, m, h, d, such as 30m")
    return float(match[1]) * _SECONDS[match[2]]


@contextmanager
def stoppable(timeout_s: float | None = None) -> Iterator[None]:
    """Inside, SIGTERM and the end of `timeout_s` seconds ask this process and its workers to stop.

    Raises:
        Interrupted: that was asked for, at the latest when all workers have stopped.
    """
    global _caller
    _caller = (os.getpid(), f"call-{uuid.uuid4().hex}")
    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")  # it aborts on SIGTERM
    with _handling({signal.SIGTERM: _on_stop, signal.SIGALRM: _on_stop, signal.SIGUSR1: _on_wake}):
        try:
            if timeout_s is not None:
                signal.setitimer(signal.ITIMER_REAL, timeout_s)
            yield
            interruption.check()
        except SystemExit:  # Hydra's, where a worker was stopped before its first run
            interruption.check()
            raise
        except KeyboardInterrupt as stop:
            if not str(stop):  # Ctrl-C, or ours without its reason, which Ray drops
                interruption.check()
                if jobs.session.has_workers:
                    _ask_to_stop("Ctrl-C")
            raise
        finally:
            if timeout_s is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
            interruption.reset()


def _on_stop(number: int, _: object) -> None:
    _stop_call(SIGTERM if number == signal.SIGTERM else TIMEOUT)


def _on_wake(*_: object) -> None:
    signal.signal(signal.SIGTERM, _on_stop)
    if reason := _reason(jobs.session.roots):
        _stop_call(reason)


@contextmanager
def _handling(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """Inside, signals have these handlers."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_worker() -> bool:
    """Whether a launcher started this process for the runs of a call that another process makes."""
    return _caller is None or _caller[0] != os.getpid()


@contextmanager
def launching() -> Iterator[str]:
    """Inside, a launcher's workers may end the call; yields the override that tells them which call it is.

    Raises:
        Interrupted: a worker ended it.
    """
    assert _caller is not None
    jobs.session.has_workers = True
    with _watching(jobs.session.roots):
        yield f"++hydra.job.env_set.{_CALL}={_caller[1]}"
    if reason := _reason(jobs.session.roots):  # a worker's, which has just ended
        interruption.request(reason, at_once=True)


@contextmanager
def worker_of(root: Path) -> Iterator[None]:
    """Inside, a worker that records in `root` stops when its call is ended, or after SIGTERM.

    Raises:
        Interrupted: it was asked to stop.
    """
    interruption.reset()
    handlers = {signal.SIGUSR1: lambda *_: interruption.request(_reason([root]) or SIGTERM, at_once=True)}
    if "SUBMITIT_EXECUTOR" in os.environ:  # it ignores SIGTERM, which Slurm sends before a job is queued again
        handlers[signal.SIGUSR2] = partial(_on_time_limit, signal.getsignal(signal.SIGUSR2))
    else:
        handlers[signal.SIGTERM] = lambda *_: interruption.request(SIGTERM, at_once=True)
    with _handling(handlers):
        if reason := _reason([root]):
            interruption.request(reason, at_once=True)
        with _watching([root]):
            yield


def _on_time_limit(submitits: Any, *signal_and_frame: Any) -> None:
    """Let Submitit queue its job again; where it may not, the run stops as after SIGTERM, as its job's time is over."""
    try:
        submitits(*signal_and_frame)
    except Exception:
        interruption.request("time limit of its job", at_once=True)


def end_call(root: Path, reason: str) -> None:
    """End the call of this process, which records in `root`, with all its workers."""
    write_atomic(_path(root), reason.encode())


@contextmanager
def _watching(roots: Sequence[Path]) -> Iterator[None]:
    """Inside, this process gets SIGUSR1 when its call is ended, or has lost its handler of SIGTERM."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            if interruption.requested():  # a second signal would stop what is about to stop where it is
                return
            deaf = not is_worker() and signal.getsignal(signal.SIGTERM) is not _on_stop  # Ray puts its own there
            if deaf or _reason(roots):
                os.kill(os.getpid(), signal.SIGUSR1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _stop_call(reason: str) -> None:
    """Stop this process, which made the call; before, its workers, as their launcher may kill them when it stops."""
    if not jobs.session.has_workers or interruption.requested():
        interruption.request(reason, at_once=True)
        return
    interruption.request(_ask_to_stop(reason))
    give_up = time.monotonic() + _PATIENCE_S
    while jobs.session.count_running() and time.monotonic() < give_up:
        time.sleep(0.1)
    interruption.check()


def _ask_to_stop(reason: str) -> str:
    """Ask all workers to stop, unless one of them has; the reason that they read."""
    if not (first := _reason(jobs.session.roots)):
        for root in jobs.session.roots:
            end_call(root, reason)
    return first or reason


def _path(root: Path) -> Path:
    call = _caller[1] if _caller is not None and not is_worker() else os.environ.get(_CALL, "")
    return root / "artefacts" / "hydra" / f"{call}.stop"


def _reason(roots: Sequence[Path]) -> str:
    """Why the call was ended; "" while it was not."""
    for root in roots:
        with suppress(OSError):
            return _path(root).read_text()
    return ""
