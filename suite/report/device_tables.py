"""The recorded tables of device models: `results/devices/`, made from the published measurements alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from suite.data.files import write_atomic
from suite.hardware.calibration.coefficients import fit_coefficients
from suite.hardware.calibration.measurements import MeasuredSystem
from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.calibration.validation import Comparison, Summary, compare, summarise
from suite.hardware.latency import Device, KernelLibrary
from suite.report.tables.markup import MISSING, to_csv, to_markdown

COMMAND = "suite device tables"
SIGNED = ("error %", "left out %", "MACs error %", "energy error %")
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


def device_tables(devices: Mapping[str, Device], published: PublishedDevices) -> list[DeviceTable]:
    """All recorded tables, from devices by name and the published measurements.

    Raises:
        SuiteError: a table of the published measurements is not there.
    """
    return [
        _mlperf_tiny(devices, published.systems),
        _coefficients(devices, published.systems),
        _stm32h747(devices, published.systems),
        _single_layers(published),
    ]


def _mlperf_tiny(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    rows, foot = [], []
    for name, device, system in _described(devices, systems):
        comparisons = compare(device, system, systems)
        rows += [{"device": name, **_row(comparison)} for comparison in comparisons]
        mean = sum(abs(c.error) for c in comparisons) / len(comparisons)
        left_out = sum(abs(c.leave_one_out) for c in comparisons) / len(comparisons)
        foot.append(f"{name}: mean error {100 * mean:.1f} %, left out {100 * left_out:.1f} %")
    about = (
        "MLPerf Tiny's networks on the boards that devices describe: measured, predicted, and errors in per cent. "
        "Left out: scale from the device's other networks, ratios from other boards with the same kernels (for "
        "nucleo_g0b1re, the only one, from another version). MACs: time in proportion to MACs, left out alike. "
        "Energy is power x latency."
    )
    return DeviceTable("mlperf_tiny", pd.DataFrame(rows), about, tuple(foot))


def _coefficients(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    rows = []
    for name, device, system in _described(devices, systems):
        if isinstance(device, KernelLibrary):
            fitted = fit_coefficients(system, systems).rounded()
            rows += [
                {"device": name, "coefficient": key, "shipped": getattr(device, key), "refitted": value}
                for key, value in fitted.items()
            ]
    about = "Coefficients in the devices' files beside those fitted again on the published measurements."
    return DeviceTable("coefficients", pd.DataFrame(rows), about)


def _stm32h747(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """The networks that only check the device that they are recorded for."""
    system = next(s for s in systems if not s.fitted)
    name = system.devices[0]
    comparisons = compare(devices[name], system, systems)
    rows = [
        {
            "network": c.network,
            "MACs": int(c.macs),
            "measured ms": c.measured_ms,
            "predicted ms": _significant(c.predicted_ms),
            "error %": _per_cent(c.error),
            "MACs error %": _per_cent(c.macs_only),
        }
        for c in comparisons
    ]
    measured = [c.measured_ms for c in comparisons]
    model = summarise([c.predicted_ms for c in comparisons], measured)
    macs = summarise([c.measured_ms * (1 + c.macs_only) for c in comparisons], measured)
    about = (
        f"Networks on the {system.board} at {system.clock_mhz:g} MHz with {system.software}, on which nothing "
        f"was fitted: predicted with the coefficients of {name}, scaled by the clock alone. MACs: at the mean cycles a "
        f"MAC of {name}."
    )
    foot = (_summary_line("formula", model), _summary_line("MACs", macs))
    return DeviceTable("stm32h747", pd.DataFrame(rows), about, foot)


def _single_layers(published: PublishedDevices) -> DeviceTable:
    columns = {
        "board": "board",
        "core": "core",
        "what": "layers of",
        "layers": "layers",
        "predictor": "predictor",
        "cycles_per_unit": "cycles a unit",
        "mean_error_pct": "mean error %",
        "median_error_pct": "median error %",
        "max_error_pct": "largest error %",
        "spearman": "Spearman",
    }
    frame = pd.DataFrame(published.rows("single_layers.csv"))[list(columns)].rename(columns=columns)
    about = (
        "Single int8 layers with TFLM and CMSIS-NN (tk-king/MicroNas at fa6b6d2): errors of predictors, each with one "
        "scale for a row. The records have no licence, so that only aggregates stand here."
    )
    return DeviceTable("single_layers", frame, about)


def _described(
    devices: Mapping[str, Device], systems: Iterable[MeasuredSystem]
) -> list[tuple[str, Device, MeasuredSystem]]:
    """Each device with the systems that were fitted on, devices by name."""
    found = [(name, devices[name], s) for s in systems if s.fitted for name in s.devices if name in devices]
    return sorted(found, key=lambda item: item[0])


def _row(c: Comparison) -> dict[str, object]:
    energy_error = c.predicted_uj / c.measured_uj - 1 if c.predicted_uj and c.measured_uj else None
    return {
        "network": c.network,
        "MACs": int(c.macs),
        "measured ms": c.measured_ms,
        "predicted ms": _significant(c.predicted_ms),
        "error %": _per_cent(c.error),
        "left out %": _per_cent(c.leave_one_out),
        "MACs error %": _per_cent(c.macs_only),
        "measured uJ": c.measured_uj,
        "energy error %": None if energy_error is None else _per_cent(energy_error),
    }


def _summary_line(name: str, summary: Summary) -> str:
    values = asdict(summary)
    per_cent = ", ".join(f"{key} {100 * values[key]:.1f} %" for key in ("mean", "median", "largest", "bias"))
    ranks = f"Spearman {summary.spearman:.4f}, Kendall {summary.kendall:.4f}"
    return f"{name}, {summary.networks} networks: {per_cent}, {ranks}"


def _per_cent(fraction: float) -> float:
    return round(100 * fraction, 1) + 0.0  # no minus before a zero


def _significant(value: float) -> float:
    return float(f"{value:.5g}")


def _per_cent_cell(value: float) -> str:
    return MISSING if value != value else f"{value:+.1f}"


def _cell(value: object) -> str:
    if value is None or value == "" or value != value:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
