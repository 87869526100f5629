"""Devices against MLPerf Tiny's networks on their boards, and their coefficients fitted again."""

from collections.abc import Mapping, Sequence

import pandas as pd

from suite.hardware.calibration.coefficients import fit_coefficients
from suite.hardware.calibration.measurements import MeasuredSystem
from suite.hardware.calibration.validation import Comparison, compare
from suite.hardware.latency import Device, KernelLibrary
from suite.report.device_tables.device_table import DeviceTable, per_cent, significant


def mlperf_tiny_table(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """Every device that one of the systems with MLPerf Tiny's networks is for: measured, predicted, errors."""
    rows, foot = [], []
    for name, system in _measured_devices(devices, systems):
        comparisons = compare(devices[name], system, systems)
        rows += [{"device": name, **_row(comparison)} for comparison in comparisons]
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
    return DeviceTable("mlperf_tiny", pd.DataFrame(rows), about, tuple(foot))


def coefficients_table(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """Each coefficient of each fitted device's file beside the same fitted again."""
    rows = []
    for name, system in _measured_devices(devices, systems):
        device = devices[name]
        if isinstance(device, KernelLibrary):
            fitted = fit_coefficients(system, systems).rounded()
            rows += [
                {"device": name, "coefficient": key, "shipped": getattr(device, key), "refitted": value}
                for key, value in fitted.items()
            ]
    about = "Coefficients in the devices' files beside those fitted again on the published measurements."
    return DeviceTable("coefficients", pd.DataFrame(rows), about)


def _measured_devices(
    devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]
) -> list[tuple[str, MeasuredSystem]]:
    """Names of devices with the systems of MLPerf Tiny that they are fitted or checked on, by name."""
    tiny = [s for s in systems if s.fitted]
    return sorted(
        ((name, s) for s in tiny for name in (*s.devices, *s.checks) if name in devices), key=lambda item: item[0]
    )


def _mean_errors(comparisons: Sequence[Comparison]) -> str:
    mean = sum(abs(c.error) for c in comparisons) / len(comparisons)
    left_out = [abs(c.leave_one_out) for c in comparisons if c.leave_one_out is not None]
    text = f"left out {100 * sum(left_out) / len(left_out):.1f} %" if left_out else "nothing fitted"
    return f"mean error {100 * mean:.1f} %, {text}"


def _row(c: Comparison) -> dict[str, object]:
    energy_error = c.predicted_uj / c.measured_uj - 1 if c.predicted_uj and c.measured_uj else None
    return {
        "network": c.network,
        "MACs": int(c.macs),
        "measured ms": c.measured_ms,
        "predicted ms": significant(c.predicted_ms),
        "error %": per_cent(c.error),
        "left out %": None if c.leave_one_out is None else per_cent(c.leave_one_out),
        "MACs error %": per_cent(c.macs_only),
        "measured uJ": c.measured_uj,
        "energy error %": None if energy_error is None else per_cent(energy_error),
    }
