"""What campaigns of faults share: a table of what was done, printed at the end and recorded where that is asked for."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from kills import Tally
from machine import file_name, machine, processor

_ROWS = pytest.StashKey[list[dict[str, object]]]()

AddRow = Callable[[str, str, int, Tally], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-faults", type=Path, metavar="FOLDER", help="write the table to FOLDER/<processor>.csv")


@pytest.fixture
def add_row(request: pytest.FixtureRequest) -> AddRow:
    """Adds what a campaign did to the table: its name, command, random seed and tally."""
    rows = request.config.stash.setdefault(_ROWS, [])

    def add(name: str, command: str, seed: int, tally: Tally) -> None:
        numbers = asdict(tally) | {"seconds": round(tally.seconds)}
        rows.append({"fault": "SIGKILL", "killed": name, "command": command, "moments_seed": seed, **numbers})

    return add


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = pd.DataFrame(config.stash.get(_ROWS, []))
    if rows.empty:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(rows.drop(columns="command").to_string(index=False))
    folder = config.getoption("--record-faults", default=None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_name(processor())}.csv"
        rows.assign(**machine()).to_csv(path, index=False)
        terminalreporter.write_line(f"written to {path}")
