"""Progress: bars that are never cut at 80 columns; a line every half minute where there is no terminal."""

import io
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console, Group
from tasks import job

from suite.cli import progress as module
from suite.cli import run, stopping
from suite.cli.progress import LineProgress, TerminalProgress, show_progress
from suite.engine import jobs
from suite.task.progress import Progress

LABEL = "[3/24] visual_wake_words | duccio (penalty.strength=scripts) | weights 27000B + macs 3.42M | seed 0"
RATIOS = {"weights": 1.025, "macs": 0.5, "latency": 1.75, "ram": 1.0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalProgress]:
    stream = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=stream, width=80, force_terminal=True))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress() as shown:
        assert isinstance(shown, TerminalProgress)
        yield shown


def screen(shown: TerminalProgress) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=80).print(Group(*shown._bars.get_renderables()))
    return text.getvalue().splitlines()


def test_at_80_columns_bar_epochs_and_time_are_whole_and_texts_are_cut(terminal: TerminalProgress) -> None:
    terminal.begin_run(LABEL)
    terminal.begin("search-threshold-2", 123)
    terminal.epoch(12, 0.71234, 0.81234, RATIOS)
    run, bar, figures = screen(terminal)
    assert (run[:40], run[-1]) == (LABEL[:40], "…")
    assert bar.startswith("search-threshold-2 ")
    assert "12/123" in bar
    assert " left " in bar
    assert bar.count(":") >= 3
    assert figures == "  loss 0.712, score 0.812, weights 1.02x, macs 0.50x, latency 1.75x, ram 1.00x"


def test_nothing_is_left_of_a_phase_that_has_ended(terminal: TerminalProgress) -> None:
    terminal.begin_run(LABEL)
    terminal.begin("warm-up", 2)
    terminal.end()
    assert screen(terminal) == [] or screen(terminal) == [""]


def test_a_line_every_half_minute_with_the_time_left(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    lines = LineProgress()
    lines.begin_run("digits | duccio | weights 25% | seed 0")
    lines.begin("search", 100)
    for epoch in range(1, 41):
        clock[0] += 2.0
        lines.epoch(epoch, 0.5, 0.75, {"weights": 1.5})
    begun = "digits | duccio | weights 25% | seed 0 | search: epoch"
    assert [record.getMessage() for record in caplog.records] == [
        f"{begun} 15 of 100, loss 0.500, score 0.750, weights 1.50x; 3 min left",
        f"{begun} 30 of 100, loss 0.500, score 0.750, weights 1.50x; 2 min left",
    ]


def test_of_one_epoch_no_time_is_told(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    lines = LineProgress()
    lines.begin("warm-up", 100)
    clock[0] = 60.0
    lines.epoch(7, 0.5, 0.75, {})
    assert caplog.records[0].getMessage().endswith("warm-up: epoch 7 of 100, loss 0.500, score 0.750")


def test_a_process_of_a_parallel_launcher_tells_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "session", jobs.Session())  # as another process has it
    monkeypatch.setattr(stopping, "is_worker", lambda: False)  # else the job would want what the launcher tells Hydra
    seen: list[type] = []
    monkeypatch.setattr(jobs, "run_job", lambda _: seen.append(type(jobs.session.progress)))
    run._hydra_job.__wrapped__(job())
    jobs.session.progress = mine = Progress.__new__(type("Bars", (Progress,), {}))
    run._hydra_job.__wrapped__(job())
    assert seen == [LineProgress, type(mine)]
