"""What campaigns of faults share: tables of what was done, printed at the end and recorded where that is asked for."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from fuzzing import FuzzTally
from kills import Tally
from machine import file_name, machine, processor

_KILLS, _FUZZING = "", "fuzzing"
"""Tables, by the folder in that of `--record-faults` where they are recorded."""

_ROWS = pytest.StashKey[dict[str, list[dict[str, object]]]]()

AddRow = Callable[[str, str, int, Tally], None]
AddFuzzRow = Callable[[str, int, FuzzTally], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "write the tables to FOLDER/<processor>.csv and FOLDER/fuzzing/<processor>.csv"
    parser.addoption("--record-faults", type=Path, metavar="FOLDER", help=about)


def _rows(config: pytest.Config, table: str) -> list[dict[str, object]]:
    return config.stash.setdefault(_ROWS, {}).setdefault(table, [])


@pytest.fixture
def add_row(request: pytest.FixtureRequest) -> AddRow:
    """Adds what a campaign of kills did to its table: its name, command, random seed and tally."""

    def add(name: str, command: str, seed: int, tally: Tally) -> None:
        numbers = asdict(tally) | {"seconds": round(tally.seconds)}
        row = {"fault": "SIGKILL", "killed": name, "command": command, "moments_seed": seed, **numbers}
        _rows(request.config, _KILLS).append(row)

    return add


@pytest.fixture
def add_fuzz_row(request: pytest.FixtureRequest) -> AddFuzzRow:
    """Adds what a campaign of odd inputs did to its table: its target, first random seed and tally."""

    def add(name: str, seed: int, tally: FuzzTally) -> None:
        numbers = asdict(tally) | {"seconds": round(tally.seconds)}
        _rows(request.config, _FUZZING).append({"target": name, "first_seed": seed, **numbers})

    return add


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for table, rows in config.stash.get(_ROWS, {}).items():
        terminalreporter.section(f"faults {table}".rstrip())
        shown = pd.DataFrame(rows).drop(columns="command", errors="ignore")
        terminalreporter.write_line(shown.to_string(index=False))
        folder = config.getoption("--record-faults", default=None)
        if folder is not None:
            path = folder / table / f"{file_name(processor())}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).assign(**machine()).to_csv(path, index=False)
            terminalreporter.write_line(f"written to {path}")
