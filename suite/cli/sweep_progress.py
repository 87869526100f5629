"""How far a sweep is whose runs are done in other processes, as a parallel launcher does them."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from suite.engine import jobs

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0


@contextmanager
def sweep_progress(interval_s: float = _INTERVAL_S) -> Iterator[None]:
    """Log how many runs have ended and how long the rest may take, while other processes work on this call's runs.

    A process that does its runs itself says so with each of them, and nothing is logged here.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(ended, interval_s), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(ended: threading.Event, interval_s: float) -> None:
    started, shown, over = time.monotonic(), 0, False
    while not over:
        over = ended.wait(interval_s)  # once more at the end: runs may have ended since the last look
        count = jobs.session.count_ended()
        if count > shown and count > jobs.session.runs_ended:
            left = (time.monotonic() - started) / count * (jobs.session.runs_to_do - count) / 60
            log.info("%d of %d runs have ended; about %.0f min left", count, jobs.session.runs_to_do, left)
            shown = count
