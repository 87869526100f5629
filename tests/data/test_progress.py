import io
import sys

import pytest

from suite.data.progress import terminal_progress


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(monkeypatch, terminal):
    stderr = io.StringIO()
    monkeypatch.setattr(stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("COLUMNS", "120")
    with terminal_progress() as report_progress:
        report_progress("downloading x.zip", 500_000, 2_000_000)
        report_progress("downloading x.zip", 2_000_000, 2_000_000)
        report_progress("checking images", 3, None)
    shown = ["downloading x.zip", "25%", "checking images"] if terminal else []
    assert [text for text in shown if text not in stderr.getvalue()] == []
    assert bool(stderr.getvalue()) == terminal
