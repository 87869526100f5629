"""Who works on a run: told without taking its lock."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock
from synthetic import make_record

from suite.data.files import StorageError
from suite.records import claims
from suite.records.claims import CLAIM, ClaimedError, claimed, living_claim, read_claim
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.status import run_states
from suite.records.store import Store


def write_claim(folder: Path, **changes: object) -> Path:
    """The claim that this process would leave, with `changes`."""
    (folder / CLAIM).unlink(missing_ok=True)
    with claimed(folder):
        claim = json.loads((folder / CLAIM).read_text())
    (folder / CLAIM).write_text(json.dumps(claim | changes))
    return folder


def age(path: Path, seconds: float) -> None:
    past = time.time() - seconds
    os.utime(path, (past, past))


def test_a_run_is_claimed_while_it_is_at_work_and_not_after(tmp_path: Path) -> None:
    assert not living_claim(tmp_path)
    with claimed(tmp_path):
        assert living_claim(tmp_path)
    assert not living_claim(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_raises_gives_its_claim_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), claimed(tmp_path):
        raise ZeroDivisionError
    assert not living_claim(tmp_path)


def test_a_signal_while_the_claim_is_being_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(path: Path, claim: claims.Claim) -> None:
        _take(path, claim)
        raise KeyboardInterrupt("SIGTERM")  # before the heartbeat has begun

    _take = claims._take
    monkeypatch.setattr(claims, "_take", take)
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path):
        pass
    assert living_claim(tmp_path) is None
    claim = read_claim(tmp_path)
    assert claim is not None
    assert claim.ended == "SIGTERM"


def test_a_process_that_was_killed_claims_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert living_claim(write_claim(tmp_path))
    assert not living_claim(write_claim(tmp_path, pid=process.pid))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says when a process began")
def test_a_later_process_with_the_number_of_a_killed_one_claims_nothing(tmp_path: Path) -> None:
    assert not living_claim(write_claim(tmp_path, started="1"))


@pytest.mark.parametrize("seconds", [130, -3600], ids=["not renewed", "clock set back since"])
def test_a_claim_of_another_machine_expires_after_the_time_that_it_states(seconds: float, tmp_path: Path) -> None:
    folder = write_claim(tmp_path, host="elsewhere", pid=1)
    assert living_claim(folder)
    with pytest.raises(ClaimedError, match="process 1 on elsewhere, since 20"), claimed(folder):
        pass
    age(folder / CLAIM, seconds)
    assert not living_claim(folder)
    with claimed(folder):
        claim = living_claim(folder)
        assert claim is not None
        assert claim.pid == os.getpid()
    folder = write_claim(tmp_path, host="elsewhere", pid=1, expires_s=1000)
    age(folder / CLAIM, 130)
    assert living_claim(folder)


def test_a_process_that_slept_until_another_took_over_is_told_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.records.claims._RENEWED_S", 0.01)
    told = threading.Event()
    with claimed(tmp_path, on_loss=lambda _: told.set()) as check:
        check()
        other = json.loads((tmp_path / CLAIM).read_text()) | {"token": "another", "host": "elsewhere"}
        (tmp_path / CLAIM).write_text(json.dumps(other))
        assert told.wait(20)
        with pytest.raises(ClaimedError, match="on elsewhere"):
            check()
    assert json.loads((tmp_path / CLAIM).read_text()) == other


def test_of_many_processes_that_find_an_expired_claim_one_gets_it(tmp_path: Path) -> None:
    """They do not share a lock, as on a file system that has none."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom suite.records.claims import ClaimedError, claimed\n"
        "print(flush=True); sys.stdin.readline()\n"
        "try:\n    with claimed(Path(sys.argv[1])):\n        print('mine', flush=True); sys.stdin.readline()\n"
        "except ClaimedError: print('other', flush=True)"
    )
    age(write_claim(tmp_path, host="elsewhere") / CLAIM, 3600)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], **pipes) for _ in range(8)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
    told = [process.stdout.readline().strip() for process in processes]
    for process in processes:
        process.communicate("\n")
    assert sorted(told) == ["mine", *["other"] * 7]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [(KeyboardInterrupt(), "Ctrl-C"), (KeyboardInterrupt("SIGTERM"), "SIGTERM"), (StorageError(28, "full"), "written")],
)
def test_a_run_that_was_stopped_says_why(stop: BaseException, reason: str, tmp_path: Path) -> None:
    with pytest.raises(type(stop)), claimed(tmp_path):
        raise stop
    assert not living_claim(tmp_path)
    claim = read_claim(tmp_path)
    assert claim is not None
    assert reason in claim.ended


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b'{"host": 1}', b'{"host": "x", "pid": "y", "started": null}'])
def test_a_damaged_claim_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / CLAIM).write_bytes(content)
    assert not living_claim(tmp_path)


def test_looking_at_an_experiment_takes_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that starts while somebody looks must not believe that another process has it."""
    store = Store(tmp_path, "example")
    for seed in range(2):
        note = PlanNote("digits", "duccio", "none", seed, "smoke", "gap8")
        folder = store.run_folder(f"planned{seed}")
        folder.mkdir(parents=True)
        (folder / PLAN_NOTE).write_bytes(note.to_json())
    store.write(make_record())
    write_claim(store.run_folder("planned1"))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a lock was asked for")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    monkeypatch.setattr(Store, "lock", refuse)
    assert sorted(state.state for state in run_states(store)) == ["done", "missing", "running"]


def test_a_run_that_starts_while_somebody_looks_is_done(tmp_path: Path) -> None:
    """In another process, over and over, as `watch suite status` does."""
    looking = (
        "import sys, time\nfrom pathlib import Path\n"
        "from suite.records.status import run_states\nfrom suite.records.store import Store\n"
        "store = Store(Path(sys.argv[1]), 'e')\nprint('looking', flush=True)\n"
        "while True: run_states(store)\n"
    )
    store = Store(tmp_path, "e")
    folder = store.run_folder("run")
    folder.mkdir(parents=True)
    (folder / PLAN_NOTE).write_bytes(PlanNote("digits", "duccio", "none", 0, "smoke", "gap8").to_json())
    process = subprocess.Popen([sys.executable, "-c", looking, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            with store.lock(folder).acquire(timeout=0):
                pass
        assert process.poll() is None, "it looked all the time"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_process_that_its_parent_has_not_asked_after_claims_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not living_claim(write_claim(tmp_path, pid=process.pid, started=started))
    process.wait()


def test_a_claim_is_renewed_while_the_run_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.records.claims._RENEWED_S", 0.01)
    with claimed(tmp_path):
        path = tmp_path / CLAIM
        age(path, 1000)
        deadline = time.monotonic() + 20
        while time.time() - path.stat().st_mtime > 500:
            assert time.monotonic() < deadline
            time.sleep(0.01)
