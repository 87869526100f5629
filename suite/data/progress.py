"""Progress of downloads and preparations: how it is reported, and bars that show it on a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")

ReportProgress = Callable[[str, int, int | None], None]
"""Called with the name of a task, how much of it is done, and its total where that is known."""


@contextmanager
def terminal_progress() -> Iterator[ReportProgress]:
    """Give a function that draws progress bars on standard error; it does nothing where that is no terminal."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:

        def report_progress(task: str, done: int, total: int | None) -> None:
            if not bars.tasks or bars.tasks[-1].description != task:
                for earlier in bars.task_ids:
                    bars.update(earlier, visible=False)
                # "completed" from the start on: bytes of an earlier download do not count as speed.
                bars.add_task(task, total=total, completed=done)
            bars.update(bars.task_ids[-1], completed=done, total=total)

        yield report_progress


def track(items: Iterable[T], task: str, total: int, report_progress: ReportProgress) -> Iterator[T]:
    """Yield `items`, and report every hundredth of them."""
    for done, item in enumerate(items):
        if done % 100 == 0:
            report_progress(task, done, total)
        yield item
