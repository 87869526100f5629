"""SIGTERM and `suite run --timeout`: runs stop where nothing is lost, those that were not begun stay planned."""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from suite import SuiteError
from suite.task import interruption

TIMEOUT = "--timeout"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def exit_code(reason: str) -> int:
    """124 where the time was over, as of timeout(1); 143 after SIGTERM; 130 after Ctrl-C."""
    return 124 if reason == TIMEOUT else 143 if reason == "SIGTERM" else 130


def take_timeout(arguments: Sequence[str]) -> tuple[list[str], float | None]:
    """The arguments without `--timeout 30m` or `--timeout=30m`, and that time in seconds; None where it is not given.

    Raises:
        SuiteError: the time is no positive number with s, m, h or d.
    """
    rest: list[str] = []
    text = None
    words = iter(arguments)
    for word in words:
        if word == TIMEOUT:
            text = next(words, "")
        elif word.startswith(f"{TIMEOUT}="):
            text = word.removeprefix(f"{TIMEOUT}=")
        else:
            rest.append(word)
    if text is None:
        return rest, None
    match = re.fullmatch(r"(\d+\.?\d*)([smhd]?)", text)
    if match is None or float(match[1]) == 0:
        raise SuiteError(f"{TIMEOUT} {text}: a positive number with one of s, m, h, d, such as 30m")
    return rest, float(match[1]) * _SECONDS[match[2]]


@contextmanager
def stopping(timeout_s: float | None = None) -> Iterator[None]:
    """Inside, SIGTERM and the end of `timeout_s` seconds ask this process and its workers to stop.

    Raises:
        Interrupted: that was asked for, at the latest when all workers have stopped.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    over = threading.Event()
    before = signal.signal(signal.SIGTERM, partial(_stop, over))
    timer = threading.Timer(timeout_s or 0, _end_time, [over])
    timer.daemon = True
    if timeout_s is not None:
        timer.start()
    try:
        try:
            yield
        except SystemExit:  # Hydra's, where a worker was stopped before its first run
            interruption.check()
            raise
        interruption.check()
    finally:
        timer.cancel()
        interruption.reset()
        signal.signal(signal.SIGTERM, before)


def _end_time(over: threading.Event) -> None:
    """Have the main thread, which alone can be interrupted, stop as after SIGTERM."""
    over.set()
    os.kill(os.getpid(), signal.SIGTERM)


def stop_on_sigterm() -> None:
    """The same in a worker, for as long as it lives."""
    signal.signal(signal.SIGTERM, partial(_stop, threading.Event()))


def is_worker() -> bool:
    """Whether this is a process of a parallel launcher."""
    return multiprocessing.parent_process() is not None


def _stop(over: threading.Event, *_: object) -> None:
    workers = multiprocessing.active_children()
    for worker in workers:
        if worker.pid:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
    interruption.request(TIMEOUT if over.is_set() else "SIGTERM", at_once=not workers)
