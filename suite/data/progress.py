"""Progress of downloads and preparations: how it is reported, and bars that show it on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

ReportProgress = Callable[[str, int, int | None], None]
"""Called with the name of a task, how much of it is done, and its total where that is known."""


@contextmanager
def terminal_progress() -> Iterator[ReportProgress]:
    """Give a function that draws progress bars on standard error; it does nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda task, done, total: None
        return
    shown: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bars:

        def report_progress(task: str, done: int, total: int | None) -> None:
            if task not in shown:
                for earlier in shown.values():
                    bars.update(earlier, visible=False)
                # "completed" from the start on: bytes of an earlier download do not count as speed.
                shown[task] = bars.add_task(task, total=total, completed=done)
            bars.update(shown[task], completed=done, total=total)

        yield report_progress
