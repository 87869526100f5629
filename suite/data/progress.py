"""Progress of downloads and preparations: how it is reported, and a bar that shows it on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

ReportProgress = Callable[[str, int, int | None], None]
"""Called with the name of a task, how much of it is done, and its total where that is known."""


@contextmanager
def terminal_progress() -> Iterator[ReportProgress]:
    """Give a function that draws a progress bar on standard error; it does nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn(), TimeRemainingColumn())
    off = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=off) as bars:
        bar = bars.add_task("", total=None)

        def report_progress(task: str, done: int, total: int | None) -> None:
            if bars.tasks[0].description != task:
                # "completed" from the start on: bytes of an earlier download do not count as speed.
                bars.reset(bar, description=task, total=total, completed=done)
            bars.update(bar, completed=done, total=total)

        yield report_progress
