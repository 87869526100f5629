"""The recorded tables of device models, which `suite device tables` writes into results/devices/.

They are made from the published measurements and the devices' files alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from suite.data.files import write_atomic
from suite.hardware.calibration.measurements import MeasuredSystem, latencies_ms
from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.calibration.validation import Comparison, compare, predict_ms, summarise, with_cycles_of
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.latency import Device
from suite.report.tables.markup import MISSING, to_csv, to_markdown

_ERRORS = ("error %", "left out %")
"""How columns of errors end, predicted / measured - 1."""

_LAW = "cortex_m7_cmsisnn"
"""The device whose counted instructions predict the networks of the board that nothing was fitted on."""


@dataclass(frozen=True)
class DeviceTable:
    """One table: raw numbers as `frame`, and what stands above and below them in Markdown."""

    name: str
    frame: pd.DataFrame
    about: str
    foot: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `<name>.csv` and `<name>.md`."""
        text = self.frame.apply(lambda column: column.map(_signed_cell if column.name.endswith(_ERRORS) else _cell))
        write_atomic(folder / f"{self.name}.csv", to_csv(self.frame).encode())
        note = f"{self.about} Written by `suite device tables`."
        write_atomic(folder / f"{self.name}.md", to_markdown(text, note, self.foot).encode())


def device_tables(devices: Mapping[str, Device], published: PublishedDevices) -> list[DeviceTable]:
    """All recorded tables, from devices by name and the published measurements.

    Raises:
        SuiteError: a table of the published measurements is not there.
    """
    return [_mlperf_tiny(devices, published.systems), _other_board(devices, published.systems)]


def _mlperf_tiny(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """Every device that one of the systems with MLPerf Tiny's networks is for: measured, predicted, errors."""
    rows, foot = [], []
    measured = [(name, s) for s in systems if s.fitted for name in (*s.devices, *s.checks) if name in devices]
    for name, system in sorted(measured, key=lambda pair: pair[0]):
        comparisons = compare(devices[name], system, systems)
        rows += [{"device": name, **_mlperf_row(comparison)} for comparison in comparisons]
        foot.append(f"{name}: {_mean_errors(comparisons)}")
    about = (
        "MLPerf Tiny's networks on the boards that devices describe: measured, predicted, and errors in per cent. "
        "Left out: scale from the device's other networks, ratios from other boards with the same kernels (for "
        "nucleo_g0b1re, the only one, from another version). MACs: time in proportion to MACs, left out alike. "
        "Energy is power x latency. Nothing of cortex_m4_cmsisnn and cortex_m33_cmsisnn was fitted on a network, so "
        "that there is nothing to leave out: counted instructions at the cycles of single layers on other boards, of "
        "the networks as TensorFlow's converter wrote them (exporter: tensorflow). cortex_m7_cmsisnn is not here: the "
        "networks that it takes its cycles from cannot check it, and no others with its kernels were found."
    )
    return DeviceTable("mlperf_tiny", _rounded(rows), about, tuple(foot))


def _mlperf_row(c: Comparison) -> dict[str, object]:
    return {
        "network": c.network,
        "MACs": int(c.macs),
        "measured ms": c.measured_ms,
        "predicted ms": c.predicted_ms,
        "error %": c.error,
        "left out %": c.leave_one_out,
        "MACs error %": c.macs_only,
        "measured uJ": c.measured_uj,
        "energy error %": c.predicted_uj / c.measured_uj - 1 if c.predicted_uj and c.measured_uj else None,
    }


def _rounded(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Errors, which are fractions, in per cent with one decimal, predicted latencies with five significant digits."""
    frame = pd.DataFrame(rows)
    for column in map(str, frame.columns):
        if column.endswith(_ERRORS):
            frame[column] = frame[column].map(lambda error: round(100 * error, 1) + 0.0)  # no minus before a zero
        elif column.endswith(" ms") and column != "measured ms":
            frame[column] = frame[column].map(lambda value: float(f"{value:.5g}"))
    return frame


def _mean_errors(comparisons: Sequence[Comparison]) -> str:
    mean = sum(abs(c.error) for c in comparisons) / len(comparisons)
    left_out = [abs(c.leave_one_out) for c in comparisons if c.leave_one_out is not None]
    text = f"left out {100 * sum(left_out) / len(left_out):.1f} %" if left_out else "nothing fitted"
    return f"mean error {100 * mean:.1f} %, {text}"


def _other_board(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """Three predictors of 24 networks on a board on which nothing was fitted: formula, counted instructions, MACs."""
    system = next(s for s in systems if not s.fitted)
    (name,) = system.checks
    fitted_on = next(s for s in systems if name in s.devices)
    law = devices[_LAW]
    assert isinstance(law, CountedKernels)
    counted = with_cycles_of(law, fitted_on)
    counted_ms, comparisons = predict_ms(counted, system), compare(devices[name], system, systems)
    rows = [_other_board_row(c, ms) for c, ms in zip(comparisons, counted_ms, strict=True)]
    about = (
        f"Networks on the {system.board} at {system.clock_mhz:g} MHz with {system.software}, on which nothing "
        f"was fitted. Formula: the coefficients of {name}, scaled by the clock alone. Counted: the instructions of "
        f"CMSIS-NN's kernels, though {system.software} has kernels of its own, at {counted.cycles_per_instruction:.3f} "
        f"cycles each, the geometric mean over the {len(fitted_on.networks)} networks that {name} is fitted on "
        f"({fitted_on.board}, {fitted_on.software}); no other constant (weight_read 0). MACs: at the mean cycles a MAC "
        f"of {name}. Counted are convolutions, linear layers, additions and pools, as the networks' source code has "
        "them; padding, concatenation, resizing, softmax and the products of squeeze-and-excite cost nothing here."
    )
    predicted = {
        "formula": [c.predicted_ms for c in comparisons],
        "counted": counted_ms,
        "MACs": [c.measured_ms * (1 + c.macs_only) for c in comparisons],
    }
    return DeviceTable("stm32h747", _rounded(rows), about, tuple(_summaries(predicted, latencies_ms(system.networks))))


def _other_board_row(c: Comparison, counted_ms: float) -> dict[str, object]:
    return {
        "network": c.network,
        "MACs": int(c.macs),
        "measured ms": c.measured_ms,
        "formula ms": c.predicted_ms,
        "formula error %": c.error,
        "counted ms": counted_ms,
        "counted error %": counted_ms / c.measured_ms - 1,
        "MACs error %": c.macs_only,
    }


def _summaries(predicted: Mapping[str, Sequence[float]], measured: Sequence[float]) -> Iterator[str]:
    for name, milliseconds in predicted.items():
        summary = summarise(milliseconds, measured)
        keys = ("mean", "median", "largest", "bias")
        errors = ", ".join(f"{key} {100 * getattr(summary, key):.1f} %" for key in keys)
        ranks = f"Spearman {summary.spearman:.4f}, Kendall {summary.kendall:.4f}"
        yield f"{name}, {summary.networks} networks: {errors}, {ranks}"


def _signed_cell(value: float) -> str:
    return MISSING if value != value else f"{value:+.1f}"


def _cell(value: object) -> str:
    if value is None or value == "" or value != value:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
