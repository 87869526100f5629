"""Published numbers of others, read from the CSV files of `results/published/`."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite import SuiteError

PUBLISHED_FOLDER = "published"
"""Name of the folder below the results directory; a report without one has no such table."""


UNITS = {
    "B": ("B", 1.0),
    "kB": ("B", 1024.0),
    "parameters": ("parameters", 1.0),
    "kparameters": ("parameters", 1e3),
    "Mparameters": ("parameters", 1e6),
    "MAC": ("MAC", 1.0),
    "MMAC": ("MAC", 1e6),
    "cycles": ("cycles", 1.0),
    "Mcycles": ("cycles", 1e6),
    "ms": ("s", 1e-3),
    "GOP/s": ("OP/s", 1e9),
    "fraction": ("", 1.0),
    "ratio": ("", 1.0),
    "samples": ("samples", 1.0),
    "epochs": ("epochs", 1.0),
}
"""Unit of a file -> the unit that numbers are compared in, and its factor."""


@dataclass(frozen=True)
class PublishedNumber:
    """One published number; `value` is NaN where there is a range, `low` or `high` where it is open.
    `notes` are parted by "; " in the file.

    Numbers are in the unit that they are compared in: bytes, MAC, seconds, fractions.
    """

    benchmark: str
    item: str
    metric: str
    value: float
    low: float
    high: float
    unit: str
    data: str
    source: str
    reliability: str
    notes: tuple[str, ...]
    channels: tuple[int, ...] = ()


def load_published_numbers(folder: Path) -> list[PublishedNumber]:
    """The rows of all CSV files of `folder`, files by name; none where there is no such folder.

    Raises:
        SuiteError: a row has an unknown unit, or no number; names file and line.
    """
    numbers = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a mark
            reader = csv.DictReader(file)
            try:
                numbers += [_parse_row(row) for row in reader]
            except (ValueError, KeyError) as error:
                raise SuiteError(f"{path}, line {reader.line_num}: {error}") from error
    return numbers


def _parse_row(raw: Mapping[str, str]) -> PublishedNumber:
    unit, factor = UNITS[raw["unit"]]
    # Rounded: 11.28 million is 11,280,000, not 11,279,999.999999998.
    numbers = {n: round(float(raw[n]) * factor, 9) if raw[n] else math.nan for n in ("value", "low", "high")}
    channels = tuple(int(c) for c in (raw.get("channels") or "").split())
    notes = tuple(filter(None, (raw["note"] or "").split("; ")))
    texts: dict[str, Any] = {n: raw[n] for n in ("benchmark", "item", "metric", "data", "source", "reliability")}
    return PublishedNumber(unit=unit, notes=notes, channels=channels, **{**texts, **numbers})
