"""What a call and its workers tell each other: the reason why the call ends, in a file of the results."""

import signal
import threading
import time
from pathlib import Path

import pytest

from suite.cli import stopping
from suite.engine import jobs
from suite.records.store import Store
from suite.task.interruption import Interrupted


def call_whose_worker_ends_it(root: Path, reason: str) -> None:
    with stopping.stoppable(), stopping.launching() as override:
        with pytest.MonkeyPatch.context() as worker:
            worker.setattr(stopping, "_caller", None)
            worker.setenv(*override.removeprefix("++hydra.job.env_set.").split("="))
            stopping.end_call(root, reason)
        time.sleep(60)  # a launcher that waits for its workers


@pytest.mark.parametrize(("reason", "code"), [("error: the disk is full", 2), ("fail_fast", 1)])
def test_a_worker_ends_the_call(reason: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "session", jobs.Session(status_before={"run": (Store(tmp_path, "x"), None)}))
    with pytest.raises(Interrupted) as ended:
        call_whose_worker_ends_it(tmp_path, reason)
    assert str(ended.value) == reason
    assert stopping.exit_code(str(ended.value)) == code


def test_a_worker_of_a_call_that_has_ended_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_caller", None)
    monkeypatch.setenv("SUITE_CALL", "call-1")
    stopping.end_call(tmp_path, "--timeout")
    before = signal.getsignal(signal.SIGTERM)
    begun = False
    with pytest.raises(Interrupted, match="--timeout"), stopping.worker_of(tmp_path):
        begun = True
    assert not begun
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setenv("SUITE_CALL", "call-2")
    with stopping.worker_of(tmp_path):
        begun = True
    assert begun, "the process works for the next call"


def test_a_call_from_another_thread_runs_without_signals() -> None:
    entered: list[bool] = []

    def call() -> None:
        with stopping.stoppable(60):
            entered.append(True)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert entered == [True]
    assert signal.getsignal(signal.SIGTERM) is before
