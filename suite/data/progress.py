"""Progress of downloads and preparations: how it is reported, and bars that show it on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

ReportProgress = Callable[[str, int, int | None], None]
"""Called with the name of a task, how much of it is done, and its total where that is known."""


class CountedInBytes(str):
    """The name of a task whose progress is counted in bytes, so that it is shown in MB and MB/s."""


class _AmountColumn(ProgressColumn):
    """Shows bytes and their speed, or a number of things, such as 3/12."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        if not task.fields["bytes"]:
            return MofNCompleteColumn().render(task)
        return Text.assemble(DownloadColumn().render(task), " ", TransferSpeedColumn().render(task))


@contextmanager
def terminal_progress() -> Iterator[ReportProgress]:
    """Give a function that draws progress bars on standard error; it does nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda task, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), _AmountColumn(), TimeRemainingColumn())
    shown: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def report_progress(task: str, done: int, total: int | None) -> None:
            if task not in shown:
                for earlier in shown.values():
                    bars.update(earlier, visible=False)
                in_bytes = isinstance(task, CountedInBytes)
                # "completed" from the start on: bytes of an earlier download do not count as speed.
                shown[task] = bars.add_task(task, total=total, completed=done, bytes=in_bytes)
            bars.update(shown[task], completed=done, total=total)

        yield report_progress
