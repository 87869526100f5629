"""Progress bars of `suite run` on a terminal: the run, its phase, epoch, loss, score, costs over target, time left."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from suite.task.progress import Progress


class TerminalProgress(Progress):
    """One bar for the runs of a sweep, one for the phase."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=1, visible=False, status="")
        self._run = ""

    def begin_run(self, label: str) -> None:
        """Show the run's name before that of each of its phases."""
        self._run = label

    def begin(self, label: str, epochs: int) -> None:
        """Show a bar for the phase."""
        self._bars.reset(self._task, total=epochs, visible=True, description=f"{self._run} {label}", status="")

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        """Move the bar and show the figures."""
        costs = " ".join(f"{metric} {ratio:.2f}x" for metric, ratio in ratios.items())
        status = f"loss {loss:.3f} score {score:.3f} {costs}"
        self._bars.update(self._task, completed=done, status=status)

    def end(self) -> None:
        """Hide the bar."""
        self._bars.update(self._task, visible=False)


@contextmanager
def show_progress() -> Iterator[Progress]:
    """A progress display on a terminal's standard error; one that shows nothing elsewhere."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield TerminalProgress(bars)
