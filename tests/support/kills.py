"""Commands of the suite in processes of their own, killed by SIGKILL at random moments and begun again."""

import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.cli.main import main
from suite.records.store import Store

TIMES = {"wall_s", "cpu_s", "gpu_s", "peak_memory_bytes", "lost", "environment", "finished", "checksum"}
"""What may differ between a record and that of an uninterrupted run."""

HAVE_TIMES = {"record.json", "study.db"}


def start(arguments: Sequence[str], folder: Path) -> int:
    """Fork a process that runs `suite ARGUMENTS` in `folder`; its number. What it prints is in `folder`/output.txt.

    What this process has imported and cached, the new one need not: that takes ten times as long as a smoke run.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(folder)
        code = main(list(arguments))
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def wait(pid: int, seconds: float | None = None) -> int | None:
    """The exit code of the process, None where it still works after so many seconds."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() > deadline:
            return None
        time.sleep(0.001)


def finish(arguments: Sequence[str], folder: Path) -> float:
    """Run the command to its end; the seconds it took."""
    began = time.monotonic()
    code = wait(start(arguments, folder))
    assert code == 0, (folder / "output.txt").read_text()[-3000:]
    return time.monotonic() - began


@dataclass
class Tally:
    """What a campaign of kills did; the last four must be 0."""

    kills: int = 0
    finished: int = 0
    different: int = 0
    lost: int = 0
    doubled: int = 0
    set_aside: int = 0
    seconds: float = field(default=0.0, compare=False)


def campaign(
    arguments: Sequence[str],
    root: Path,
    results_of: Callable[[Path], dict[str, Any]],
    *,
    kills: int,
    kills_each: int,
    seed: int,
    prepare: Callable[[Path], object] = lambda _: None,
) -> Tally:
    """Kill a command `kills` times at uniformly drawn moments, at most `kills_each` times in one folder, and compare.

    Args:
        arguments: of `suite`.
        root: where each try has a folder of its own.
        results_of: what the command has made in such a folder, by name; it must be that of an uninterrupted one.
        kills, kills_each: see above.
        seed: of the moments.
        prepare: makes what the command needs.
    """
    rng, tally, began = random.Random(seed), Tally(), time.monotonic()
    whole = _new_folder(root / "whole", prepare)
    duration = min(finish(arguments, whole), 60.0)
    expected = results_of(whole)
    while tally.kills < kills:
        folder = _new_folder(root / str(tally.finished), prepare)
        for _ in range(min(kills_each, kills - tally.kills)):
            pid = start(arguments, folder)
            code = wait(pid, rng.uniform(0, duration))
            if code is None:
                os.kill(pid, signal.SIGKILL)
                code = wait(pid)
            if code != -signal.SIGKILL:
                break  # it ended before
            tally.kills += 1
        finish(arguments, folder)
        compare(expected, results_of(folder), folder, tally)
    tally.seconds = time.monotonic() - began
    return tally


def compare(expected: Mapping[str, Any], found: Mapping[str, Any], folder: Path, tally: Tally) -> None:
    """Add to the tally what a command has made in a folder, and print what is wrong with it."""
    tally.finished += 1
    tally.lost += len(expected.keys() - found.keys())
    tally.doubled += len(found.keys() - expected.keys())
    tally.different += sum(found[name] != expected[name] for name in expected.keys() & found.keys())
    damaged = list(folder.rglob("*.damaged"))
    tally.set_aside += len(damaged)
    if found != expected or damaged:
        differing = {name: (expected.get(name), found.get(name)) for name in expected.keys() | found.keys()}
        print(folder, [path.name for path in damaged], {k: v for k, v in differing.items() if v[0] != v[1]})


def _new_folder(folder: Path, prepare: Callable[[Path], object]) -> Path:
    folder.mkdir(parents=True)
    prepare(folder)
    return folder


def records(folder: Path) -> dict[str, Any]:
    """Run -> its record but for times, as text, and its files' bytes."""
    store = Store(folder / "results", "k")
    return {
        record.id: (
            json.dumps(_without_times(json.loads(record.to_json())), sort_keys=True),
            {name: store.read_file(record.id, name) for name in store.run_files(record.id) if name not in HAVE_TIMES},
        )
        for record in store.records()
    }


def files(folder: Path) -> dict[str, bytes]:
    """Name -> content of all files of the report."""
    report = folder / "results" / "k" / "report"
    return {str(p.relative_to(report)): p.read_bytes() for p in report.rglob("*") if p.is_file()}


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIMES}
    return value
