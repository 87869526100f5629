"""The published measurements that devices are fitted on, read from `results/published/devices/` of the repository."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from suite import SuiteError
from suite.hardware.calibration.measurements import MeasuredSystem, Measurement, Work
from suite.hardware.layers import Layer

PUBLISHED_DEVICES = Path(__file__).parents[3] / "results" / "published" / "devices"
"""The tables of this checkout; a wheel has none."""

ALIASES = {"resnet8": "ic01", "ds_cnn": "kws01", "mobilenet_v1": "vww01", "autoencoder": "ad01"}
"""The suite's name of a reference network -> MLPerf Tiny's."""


@dataclass(frozen=True)
class PublishedDevices:
    """The tables in `folder`; results/published/README.md has their columns and sources."""

    folder: Path = PUBLISHED_DEVICES

    @cached_property
    def systems(self) -> tuple[MeasuredSystem, ...]:
        """Systems measured with MLPerf Tiny's networks, then those that only check coefficients.

        Raises:
            SuiteError: the folder or one of its tables is not there.
        """
        by = ("library", "round", "submitter", "system")
        tiny = self._systems("mlperf_tiny", by, fitted=True)
        return (*tiny, *self._systems("stm32h747", ("library",), fitted=False))

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of one table.

        Raises:
            SuiteError: it is not there.
        """
        path = self.folder / name
        try:
            with path.open(newline="", encoding="utf-8") as file, _named(path):
                return list(csv.DictReader(file))
        except FileNotFoundError as error:
            raise SuiteError(
                f"{path}: no such table. Measurements are part of the repository, not of a wheel: name the folder "
                "results/published/devices of a checkout with --published"
            ) from error

    def _systems(self, name: str, by: Sequence[str], *, fitted: bool) -> list[MeasuredSystem]:
        """The systems of one table: neighbouring rows that agree in the columns `by`."""
        rows, layers = self.rows(f"{name}.csv"), self.layers(name)
        with _named(self.folder / f"{name}.csv"):
            groups = groupby(rows, key=lambda row: [row[column] for column in by])
            return [_system(list(group), layers, fitted=fitted) for _, group in groups]

    def layers(self, name: str) -> dict[str, tuple[Layer, ...]]:
        """Layers of each network: "mlperf_tiny" has ic01, kws01, vww01, ad01, and vww01_live (vww01 without its filters
        of zeros), "stm32h747" those measured on the STM32H747I-DISCO.
        """
        rows = self.rows(f"{name}_layers.csv")
        with _named(self.folder / f"{name}_layers.csv"):
            groups = groupby(rows, key=lambda row: row["network"])
            return {network: tuple(_layer(row, index) for index, row in enumerate(group)) for network, group in groups}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the table at `path` in what its content raises."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, csv.Error) as error:
        raise SuiteError(f"{path}: is no table of measurements ({type(error).__name__}: {error})") from error


def _system(rows: list[dict[str, str]], layers: dict[str, tuple[Layer, ...]], *, fitted: bool) -> MeasuredSystem:
    first = rows[0]
    return MeasuredSystem(
        devices=tuple(first.get("devices", "").split()),
        checks=tuple(first["checks"].split()),
        library=first["library"],
        board=first["board"],
        software=first["software"],
        clock_mhz=float(first["clock_mhz"]),
        fitted=fitted,
        networks=tuple(
            Measurement(
                name=row["network"],
                work=Work.of(layers[row.get("layers", row["network"])]),
                latency_ms=float(row["latency_ms"]),
                energy_uj=_optional(row, "energy_uj"),
                energy_run_ms=_optional(row, "energy_run_latency_ms"),
                layers=layers[row.get("layers", row["network"])],
                source=row["source"],
            )
            for row in rows
        ),
    )


def _optional(row: dict[str, str], column: str) -> float | None:
    return float(row[column]) if row.get(column) else None


def _layer(row: dict[str, str], index: int) -> Layer:
    number = {column: int(value) for column, value in row.items() if column not in ("network", "kind")}
    top, left = number["pad_top"], number["pad_left"]
    return Layer(
        name=str(index),
        kind=row["kind"],  # type: ignore[arg-type]
        inputs=(),
        channels=number["out_channels"],
        size=(number["out_height"], number["out_width"]),
        in_channels=number["in_channels"],
        in_size=(number["in_height"], number["in_width"]),
        kernel=(number["kernel_height"], number["kernel_width"]),
        stride=(number["stride"], number["stride"]),
        padding=(top, top, left, left),  # only what lies before the first row and column matters to a cost
        bias=True,
    )


def systems_of(device: str, systems: Iterable[MeasuredSystem]) -> list[MeasuredSystem]:
    """The systems that the device of this name is fitted or checked on."""
    return [system for system in systems if device in (*system.devices, *system.checks)]
