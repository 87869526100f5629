"""Runs commands of a page one after the other, each in a process of its own that has torch and the suite imported.

As a program it reads a JSON list of [program, argument, ...] or ["write", file, text], and prints one of
[exit code, output]; it stops behind the first command that fails. A fork spares each command two seconds of imports.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def run_commands(commands: Sequence[Sequence[str]], folder: Path) -> list[tuple[int, str]]:
    """Exit code and output (both streams) of `suite ...`, `python ...` and `write FILE TEXT` in a folder."""
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(commands), cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [(code, output) for code, output in json.loads(done.stdout)]


def _in_a_fork(command: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os._exit(_run(command))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return code, output.read()


def _write(file: str, text: str) -> tuple[int, str]:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
    return 0, ""


def _run(command: list[str]) -> int:
    """The command's exit code, its output flushed: the process ends without Python's own end."""
    import traceback

    sys.argv = command
    try:
        if command[0] == "suite":
            return main(command[1:])
        if command[1] == "-m":
            sys.argv = command[2:]
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command[1:]
            sys.path.insert(0, "")
            runpy.run_path(command[1], run_name="__main__")
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    import suite.cli.run
    import suite.report.build  # noqa: F401 - imported for the forks
    from suite.cli.main import main

    results: list[tuple[int, str]] = []
    for words in json.load(sys.stdin):
        results.append(_write(*words[1:]) if words[0] == "write" else _in_a_fork(words))
        if results[-1][0] != 0:
            break
    json.dump(results, sys.stdout)
