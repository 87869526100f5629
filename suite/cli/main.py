"""`suite VERB ...`: runs the verb's module.

Exit codes: 0 all well, 1 runs or checks failed, 2 bad input, 130 interrupted, 141 nobody reads the output any more.
"""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from suite import SuiteError, __version__
from suite.cli.console import print_error, set_up_logging

VERBS = {
    "run": "search networks and record them (suite run --help)",
    "deploy": "a run's network as int8 for a board, checked in an interpreter",
    "show": "one run: its network, what it costs, whether it fits",
    "diff": "what differs between two runs",
    "status": "what an experiment has done and what is missing",
    "report": "tables, figures and a page from records",
    "export": "all runs as one CSV or Parquet file",
    "archive": "keep an experiment's records as one file",
    "merge": "join the records of several machines",
    "device": "a device against measurements; fit one; the recorded tables",
    "list": "benchmarks, methods, devices, presets, experiments",
    "data": "where each benchmark's data is; prepare or verify it",
    "check": "contract tests over all of them, yours included",
    "completion": "tab completion for bash",
}
"""Verb -> its line of `suite --help`. `suite.cli.VERB.main(arguments)` returns the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; bad input ends with its message and exit code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:  # modules beside the user's YAML files can be named, as with `python -m suite.cli`
        sys.path.insert(0, "")
    set_up_logging()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if arguments[0] == "--version":
        print(f"suite {__version__}")
        return 0
    verb = arguments[0]
    try:
        if verb not in VERBS:
            raise SuiteError(f"suite {verb}: no such verb. Choices: {', '.join(VERBS)}")
        # Imported only now: the verbs need torch, pandas or Hydra, none of which `suite --help` should wait for.
        exit_code: int = import_module(f"suite.cli.{verb}").main(arguments[1:])
        sys.stdout.flush()
        return exit_code
    except SuiteError as error:
        print_error(error)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as of `suite list | head -1`
        # Else the interpreter flushes at its end, and complains: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES):
            raise
        print_error(SuiteError(f"{error.filename}: {error.strerror}"))
        return 2


def _usage() -> str:
    verbs = "\n".join(f"  {name:<12}{text}" for name, text in VERBS.items())
    return f"usage: suite VERB ...\n\nBenchmarking of hardware-constrained NAS on TinyML tasks.\n\n{verbs}"
