"""A user's own measurements, read from a CSV file: each row is a network, or its work, and its latency."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from suite import SuiteError
from suite.hardware.calibration.measurements import Measurement, Work
from suite.hardware.calibration.tables import ALIASES, PublishedDevices
from suite.hardware.layers import WEIGHTED, Layer

WORK_COLUMNS = ("macs_conv", "conv_outputs", "macs_depthwise", "macs_linear")
COLUMNS = ("network", *WORK_COLUMNS, "latency_ms", "energy_uj")


def read_measurements(path: Path, published: PublishedDevices) -> list[Measurement]:
    """The rows of a user's file.

    Columns: `latency_ms`, and either `network` or all of `macs_conv`, `conv_outputs`, `macs_depthwise`,
    `macs_linear`; `energy_uj` may be there, and empty in some rows. A network is a reference network by name
    (`published` has their layers), a run's folder, or its architecture.json.

    Raises:
        SuiteError: no such file, a missing or unknown column, no row, or a bad value; names line, column and value.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a mark
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            _check_columns(path, columns)
            rows = [_read_row(f"{path}:{reader.line_num}", row, published) for row in reader]
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SuiteError(f"{path}: is not a CSV file ({error})") from error
    if not rows:
        raise SuiteError(f"{path}: has no row of measurements")
    return rows


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    choices = f"columns are {', '.join(COLUMNS)}"
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise SuiteError(f"{path}: unknown column {', '.join(map(repr, unknown))}; {choices}")
    if repeated := {name for name in columns if columns.count(name) > 1}:
        raise SuiteError(f"{path}: column {', '.join(sorted(repeated))} stands there twice")
    by_work = any(name in columns for name in WORK_COLUMNS)
    needed = ("latency_ms", *(WORK_COLUMNS if by_work else ("network",)))
    if missing := [name for name in needed if name not in columns]:
        raise SuiteError(f"{path}: no column {', '.join(missing)}; {choices}")


def _read_row(where: str, row: Mapping[str, str | list[str] | None], published: PublishedDevices) -> Measurement:
    cells = {name: (value or "").strip() for name, value in row.items() if not isinstance(value, list)}
    if len(cells) < len(row):
        raise SuiteError(f"{where}: has more cells than the header has columns")
    latency = _number(where, "latency_ms", cells["latency_ms"])
    energy = _number(where, "energy_uj", cells["energy_uj"]) if cells.get("energy_uj") else None
    if WORK_COLUMNS[0] in cells:
        work = Work(*(_number(where, name, cells[name], zero_allowed=True) for name in WORK_COLUMNS))
        if not work.macs > 0:
            raise SuiteError(f"{where}: macs_conv, macs_depthwise and macs_linear are all 0: that is no network")
        name = cells.get("network") or f"row {where.rpartition(':')[2]}"
    else:
        name = cells["network"]
        work = Work.of(_layers(where, name, published))
    return Measurement(name, work, latency, energy, energy_run_ms=latency)


def _number(where: str, column: str, text: str, *, zero_allowed: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        raise SuiteError(f"{where}: {column}={text!r} is not a number") from None
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
        raise SuiteError(f"{where}: {column}={text} must be {'zero or ' if zero_allowed else ''}positive and finite")
    return value


def _layers(where: str, network: str, published: PublishedDevices) -> Sequence[Layer]:
    known = published.layers("mlperf_tiny")
    if (name := ALIASES.get(network, network)) in known:
        return known[name]
    path = Path(network)
    path = path / "architecture.json" if path.is_dir() else path
    if not network or not path.is_file():
        choices = ", ".join([*ALIASES, *known])
        raise SuiteError(
            f"{where}: network={network!r}: no such network. Choices: {choices}, "
            "a run's folder, or the path of an architecture.json"
        )
    return read_architecture(path)


def read_architecture(path: Path) -> tuple[Layer, ...]:
    """The weighted layers of a recorded run's architecture.json.

    Raises:
        SuiteError: the file cannot be read, or is no architecture.
    """
    try:
        layers = tuple(
            Layer(
                name=str(node["name"]),
                kind=node["kind"],
                inputs=(),
                channels=int(node["out"]),
                size=(int(node["size"][0]), int(node["size"][1])),
                in_channels=int(node["in"]),
                kernel=(int(node["kernel"][0]), int(node["kernel"][1])),
                stride=(int(node["stride"][0]), int(node["stride"][1])),
            )
            for node in json.loads(path.read_text(encoding="utf-8"))["layers"]
            if node["kind"] in WEIGHTED
        )
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise SuiteError(f"{path}: is not the architecture.json of a run ({type(error).__name__}: {error})") from error
    if not Work.of(layers).macs > 0:
        raise SuiteError(f"{path}: its layers do no work")
    return layers
