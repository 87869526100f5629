"""Published numbers of others, read from the CSV files of `results/published/`."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite import SuiteError

PUBLISHED_FOLDER = "published"
"""Name of the folder below the results directory; a report without one has no such table."""

RELIABILITIES = ("primary", "secondary", "calculated", "measured")

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

_COLUMNS = ("benchmark", "item", "metric", "value", "low", "high", "unit", "data", "source", "reliability", "note")


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
        SuiteError: a row has no source or item, no number, or an unknown unit or reliability; names file and line.
    """
    return [row for path in sorted(folder.glob("*.csv")) for row in _read_file(path)]


def _read_file(path: Path) -> Iterator[PublishedNumber]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a mark
        reader = csv.DictReader(file)
        try:
            if missing := [c for c in _COLUMNS if c not in (reader.fieldnames or ())]:
                raise SuiteError(f"{path}: no column {', '.join(missing)}")
            for raw in reader:
                yield _parse_row(raw)
        except UnicodeDecodeError as error:
            raise SuiteError(f"{path}: is not UTF-8 ({error})") from error
        except (ValueError, AttributeError) as error:
            raise SuiteError(f"{path}, line {reader.line_num}: {error}") from error


def _parse_row(raw: Mapping[str, str]) -> PublishedNumber:
    for column, allowed in (("reliability", RELIABILITIES), ("unit", tuple(UNITS))):
        if raw[column] not in allowed:
            raise ValueError(f"{column}={raw[column]!r} is none of {', '.join(allowed)}")
    if empty := [column for column in ("item", "metric", "source") if not raw[column].strip()]:
        raise ValueError(f"{', '.join(empty)} is empty")
    unit, factor = UNITS[raw["unit"]]
    # Rounded: 11.28 million is 11,280,000, not 11,279,999.999999998.
    numbers = {n: round(float(raw[n]) * factor, 9) if raw[n] else math.nan for n in ("value", "low", "high")}
    if math.isnan(numbers["value"]) == (math.isnan(numbers["low"]) and math.isnan(numbers["high"])):
        raise ValueError("a row has either a value or a range")
    channels = tuple(int(c) for c in (raw.get("channels") or "").split())
    notes = tuple(filter(None, (raw["note"] or "").split("; ")))
    texts: dict[str, Any] = {n: raw[n] for n in _COLUMNS if n not in ("value", "low", "high", "unit", "note")}
    return PublishedNumber(unit=unit, notes=notes, channels=channels, **{**texts, **numbers})
