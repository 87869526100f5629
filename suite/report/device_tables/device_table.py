"""One recorded table of device models as CSV and Markdown."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from suite.data.files import write_atomic
from suite.report.tables.markup import MISSING, to_csv, to_markdown

COMMAND = "suite device tables"
SIGNED = ("error %", "left out %", "MACs error %", "energy error %", "formula error %", "counted error %")
"""Columns of errors, predicted / measured - 1."""


@dataclass(frozen=True)
class DeviceTable:
    """One table: raw numbers as `frame`, and what stands above and below them in Markdown."""

    name: str
    frame: pd.DataFrame
    about: str
    foot: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `<name>.csv` and `<name>.md`."""
        text = self.frame.apply(lambda column: column.map(_per_cent_cell if column.name in SIGNED else _cell))
        write_atomic(folder / f"{self.name}.csv", to_csv(self.frame).encode())
        note = f"{self.about} Written by `{COMMAND}`."
        write_atomic(folder / f"{self.name}.md", to_markdown(text, note, self.foot).encode())


def per_cent(fraction: float) -> float:
    """A fraction in per cent with one decimal."""
    return round(100 * fraction, 1) + 0.0  # no minus before a zero


def significant(value: float) -> float:
    """A number with five significant digits."""
    return float(f"{value:.5g}")


def _per_cent_cell(value: float) -> str:
    return MISSING if value != value else f"{value:+.1f}"


def _cell(value: object) -> str:
    if value is None or value == "" or value != value:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
