"""`suite device fit`: a device's file from a user's own measurements, and what to expect of it."""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from suite import SuiteError
from suite.config.build import construct
from suite.config.devices import load_devices
from suite.data.files import write_atomic
from suite.hardware.calibration.device_file import check_device_name, device_yaml, format_error, format_errors
from suite.hardware.calibration.measurements import Measurement
from suite.hardware.calibration.ratios import Ratios
from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.calibration.user_fit import ROWS_FOR_RATIOS, DeviceFit, fit_device
from suite.hardware.calibration.user_table import read_measurements
from suite.hardware.latency import KernelLibrary
from suite.records.status import counted

DEFAULT_LIKE = "nucleo_l4r5zi_cmsisnn"
"""Whose ratios are taken unless the user names a device: it has open-source kernels, which run on any Cortex-M."""


def add_fit_arguments(fit: argparse.ArgumentParser) -> None:
    """The arguments of `suite device fit`."""
    fit.add_argument("measurements", type=Path, help="a CSV file")
    fit.add_argument("--name", help="of the device; by default that of the file written, or of the measurements")
    fit.add_argument("--like", metavar="DEVICE", help="whose ratios to take where the measurements cannot give them")
    fit.add_argument("--board", help="what the board is")
    fit.add_argument("--software", help="what runs the networks on it")
    fit.add_argument("--clock-mhz", type=float, help="by default that of --like, which changes no latency")
    fit.add_argument("--ram-kib", type=int, help="memory of the board")
    fit.add_argument("--flash-kib", type=int, help="flash of the board")
    fit.add_argument("--power-mw", type=float, help="while it computes; by default from energy_uj, if measured")
    fit.add_argument("--out", type=Path, metavar="FILE.yaml", help="write the device there instead of printing it")


def fit_and_describe(options: argparse.Namespace, published: PublishedDevices) -> list[str]:
    """Fit the device, write its file if one is named, and say in lines what came out.

    Raises:
        SuiteError: bad options or measurements, an unknown device or network, or a file that cannot be written.
    """
    _check(options)
    like = _kernel_library(options)
    measurements = read_measurements(options.measurements, published)
    clock_mhz = options.clock_mhz or like.clock_mhz
    if clock_mhz is None:
        raise SuiteError(f"--clock-mhz is missing, and --like={like.name} has no clock either")
    fit = fit_device(measurements, Ratios(like.conv_output, like.depthwise, like.linear), clock_mhz)
    device = _device(options, like, fit, clock_mhz)
    shown = ", the first 9" if len(measurements) > 9 else ""
    count = f"{counted(len(measurements), 'network')}{shown}"
    text = device_yaml(device, f"{device.board}; errors on {count}: {format_errors(list(fit.errors[:9]))}")
    return [*_describe(options, like, measurements, fit), "", *_output(options, text)]


def _check(options: argparse.Namespace) -> None:
    """Refuse options that make no device, and set its name: that given, of the file written, or of the measurements."""
    out, name = options.out, options.name
    for key in ("clock_mhz", "ram_kib", "flash_kib", "power_mw"):
        value = getattr(options, key)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise SuiteError(f"--{key.replace('_', '-')}={value}: must be positive and finite")
    if out is not None and out.suffix != ".yaml":
        raise SuiteError(f"--out={out}: a device's file ends in .yaml")
    if out is not None and out.exists():
        raise SuiteError(f"--out={out}: exists and is not overwritten; delete it, or name another file")
    if out is not None and name not in (None, out.stem):
        raise SuiteError(f"--name={name}: the file of this device is {name}.yaml, not --out={out}")
    options.name = name or (out or options.measurements).stem
    check_device_name(options.name, "--name" if name else "--out" if out else "measurements")


def _kernel_library(options: argparse.Namespace) -> KernelLibrary:
    name = options.like or DEFAULT_LIKE
    known = {n: d for n, d in load_devices(options.config_dir).items() if isinstance(d, KernelLibrary)}
    if name not in known:
        raise SuiteError(f"--like={name}: no such device with ratios. Choices: {', '.join(known)}")
    return known[name]


def _device(options: argparse.Namespace, like: KernelLibrary, fit: DeviceFit, clock_mhz: float) -> KernelLibrary:
    # Five significant digits, for devices of any speed.
    coefficients = {key: float(f"{value:.5g}") for key, value in fit.coefficients.items()}
    values = {
        "name": options.name,
        "board": options.board or options.name,
        "software": options.software
        or ("not stated" if fit.ratios_fitted else f"not stated, ratios of {like.software}"),
        "source": f"fitted on {options.measurements.name} by suite device fit",
        "clock_mhz": clock_mhz,
        "power_mw": options.power_mw or coefficients.pop("power_mw", None),
        "ram_kib": options.ram_kib,
        "flash_kib": options.flash_kib,
    }
    device: KernelLibrary = construct(KernelLibrary, {**coefficients, **values}, "device")
    return device


def _describe(
    options: argparse.Namespace, like: KernelLibrary, measurements: Sequence[Measurement], fit: DeviceFit
) -> Iterator[str]:
    width = max(len(m.name) for m in measurements)
    yield f"{'network':<{width}}  measured ms  predicted ms  error %  left out %"
    for m, error, left_out in zip(measurements, fit.errors, fit.left_out, strict=True):
        predicted = m.latency_ms * (1 + error)
        shown = "-" if math.isnan(left_out) else format_error(left_out)
        yield f"{m.name:<{width}}  {m.latency_ms:11.4g}  {predicted:12.4g}  {format_error(error):>7}  {shown:>10}"
    if len(measurements) > 1:
        mean, left_out = (100 * abs(errors).mean() for errors in (fit.errors, fit.left_out))
        yield f"mean error {mean:.1f} %, of networks left out {left_out:.1f} %"
    else:
        yield "one measurement: no network to leave out, so that the error on others is unknown"
    yield _about_ratios(options, like, measurements, fit)
    if options.clock_mhz is None:
        yield f"clock: {like.clock_mhz:g} MHz, of {like.name}; latencies do not depend on it, --clock-mhz names yours"


def _about_ratios(
    options: argparse.Namespace, like: KernelLibrary, measurements: Sequence[Measurement], fit: DeviceFit
) -> str:
    rows, support = ("1 row", "supports") if len(measurements) == 1 else (f"{len(measurements)} rows", "support")
    if fit.ratios_fitted:
        return f"ratios: fitted on the {rows}; {like.name}'s conv_output"
    default = "" if options.like else " (the default; name another with --like)"
    if fit.left_out_fitted_ratios is None:
        why = f"{rows} {support} a scale only, ratios take {ROWS_FOR_RATIOS}"
    else:
        why = f"fitted ones would miss networks left out by {100 * fit.left_out_fitted_ratios:.1f} %"
    return f"ratios: those of {like.name}{default}: {why}"


def _output(options: argparse.Namespace, text: str) -> Iterator[str]:
    if options.out is None:
        yield text.rstrip("\n")
        return
    write_atomic(options.out, text.encode())
    yield f"written to {options.out}"
    in_place = options.out.absolute().parent.name == "device"
    move, folder = ("", options.out.parent.parent) if in_place else ("move it to MINE/device/, then ", "MINE")
    yield f"use it: {move}suite run --config-dir {folder} device={options.name}"
