"""Progress of `suite run`: runs planned; then bars on a terminal, elsewhere a line every half minute."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from omegaconf import DictConfig
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from suite.cli.console import log
from suite.engine import jobs
from suite.records.status import readable_duration
from suite.task.progress import Progress

_LINE_EVERY_S = 30.0


class TerminalProgress(Progress):
    """The run, a bar for its phase with the time left, and below it loss, score and costs over target."""

    def __init__(self, bars: "_PhaseBars") -> None:
        self._bars = bars
        self._task = bars.add_task("", total=1, visible=False)

    def begin_run(self, label: str) -> None:
        """Show the run's name above each of its phases."""
        self._bars.above = label

    def begin(self, label: str, epochs: int) -> None:
        """Show a bar for the phase."""
        self._bars.reset(self._task, total=epochs, visible=True, description=label)
        self._bars.below = ""

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        """Move the bar and show the figures."""
        self._bars.below = _figures(loss, score, ratios)
        self._bars.update(self._task, completed=done)

    def end(self) -> None:
        """Hide the bar."""
        self._bars.update(self._task, visible=False)


class _PhaseBars(Bars):
    """A bar between two lines of text, each cut at the terminal's width, so that bar, epochs and time are never cut."""

    above = below = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        if any(task.visible for task in self.tasks):
            yield Text(self.above, no_wrap=True, overflow="ellipsis")
            yield self.make_tasks_table(self.tasks)
            yield Text(f"  {self.below}", no_wrap=True, overflow="ellipsis")


class LineProgress(Progress):
    """Where there is no terminal, in a log or a process of a parallel launcher: a line every half minute."""

    def __init__(self) -> None:
        self._last_line_at = time.monotonic()
        self._run = self._phase = ""
        self._epochs = 0
        self._first: tuple[float, float] | None = None

    def begin_run(self, label: str) -> None:
        """Begin the run's lines with its name."""
        self._run = label

    def begin(self, label: str, epochs: int) -> None:
        """Name the phase in the lines that follow."""
        self._phase, self._epochs, self._first = label, epochs, None

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        """Log a line, if the last one is long enough ago."""
        now = time.monotonic()
        started, first = self._first = self._first or (now, done)
        if now - self._last_line_at < _LINE_EVERY_S:
            return
        self._last_line_at = now
        figures, left = _figures(loss, score, ratios), ""
        if done > first:  # the pace since the first epoch that was seen; nothing is known of that one's
            left = f"; {readable_duration((now - started) / (done - first) * (self._epochs - done))} left"
        log.info("%s | %s: epoch %.0f of %d, %s%s", self._run, self._phase, done, self._epochs, figures, left)


def _figures(loss: float, score: float, ratios: Mapping[str, float]) -> str:
    costs = "".join(f", {metric} {ratio:.2f}x" for metric, ratio in ratios.items())
    return f"loss {loss:.3f}, score {score:.3f}{costs}"


@contextmanager
def show_progress() -> Iterator[Progress]:
    """A progress display on a terminal's standard error, lines elsewhere."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with _PhaseBars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield TerminalProgress(bars)


def show_planning(configs: Iterable[DictConfig]) -> Iterator[DictConfig]:
    """The jobs as they come; meanwhile a terminal says how many have been composed and checked."""
    if not sys.stderr.isatty():
        yield from configs
        return
    with Console(stderr=True).status("planning") as status:
        for count, config in enumerate(configs, 1):
            status.update(f"planning run {count}")
            yield config


@contextmanager
def sweep_progress(interval_s: float = 10.0) -> Iterator[None]:
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
