"""`suite device fit`: a device's file from a user's own measurements, and what to expect of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from suite import SuiteError
from suite.config.build import construct
from suite.config.devices import load_devices
from suite.data.files import write_atomic
from suite.hardware.calibration.device_file import check_device_name, device_yaml, format_error, format_errors
from suite.hardware.calibration.ratios import Ratios
from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.calibration.user_fit import ROWS_FOR_RATIOS, DeviceFit, fit_device
from suite.hardware.calibration.user_table import Measurement, read_measurements
from suite.hardware.latency import KernelLibrary
from suite.records.status import counted

DEFAULT_LIKE = "nucleo_l4r5zi_cmsisnn"
"""Whose ratios are taken unless the user names a device: it has open-source kernels, which run on any Cortex-M."""


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What the user asked for: options that are None were not given."""

    measurements: Path
    name: str | None = None
    like: str | None = None
    board: str | None = None
    software: str | None = None
    clock_mhz: float | None = None
    ram_kib: int | None = None
    flash_kib: int | None = None
    power_mw: float | None = None
    out: Path | None = None
    config_dir: Path | None = None

    def __post_init__(self) -> None:
        for key in ("clock_mhz", "ram_kib", "flash_kib", "power_mw"):
            value = getattr(self, key)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise SuiteError(f"--{key.replace('_', '-')}={value}: must be positive and finite")
        if self.out is not None and self.out.suffix != ".yaml":
            raise SuiteError(f"--out={self.out}: a device's file ends in .yaml")
        if self.out is not None and self.out.exists():
            raise SuiteError(f"--out={self.out}: exists and is not overwritten; delete it, or name another file")
        if self.out is not None and self.name not in (None, self.out.stem):
            raise SuiteError(f"--name={self.name}: the file of this device is {self.name}.yaml, not --out={self.out}")
        key = "--name" if self.name else "--out" if self.out else "measurements"
        check_device_name(self.device_name, key)

    @property
    def device_name(self) -> str:
        """The name given, or that of the file written, or that of the measurements."""
        return self.name or (self.out or self.measurements).stem


def fit_and_describe(request: FitRequest, published: PublishedDevices) -> list[str]:
    """Fit the device, write its file if one is named, and say in lines what came out.

    Raises:
        SuiteError: bad measurements, an unknown device or network, or a file that cannot be written.
    """
    like = _kernel_library(request)
    measurements = read_measurements(request.measurements, published)
    fit = fit_device(measurements, Ratios(like.conv_output, like.depthwise, like.linear), _clock(request, like))
    device = _device(request, like, fit)
    text = device_yaml(
        device, f"{device.board}; errors on {_count(measurements)}: {format_errors(list(fit.errors[:9]))}"
    )
    return [*_describe(request, like, measurements, fit), "", *_output(request, text)]


def _kernel_library(request: FitRequest) -> KernelLibrary:
    name = request.like or DEFAULT_LIKE
    known = {n: d for n, d in load_devices(request.config_dir).items() if isinstance(d, KernelLibrary)}
    if name not in known:
        raise SuiteError(f"--like={name}: no such device with ratios. Choices: {', '.join(known)}")
    return known[name]


def _clock(request: FitRequest, like: KernelLibrary) -> float:
    if (clock := request.clock_mhz or like.clock_mhz) is None:
        raise SuiteError(f"--clock-mhz is missing, and --like={like.name} has no clock either")
    return clock


def _device(request: FitRequest, like: KernelLibrary, fit: DeviceFit) -> KernelLibrary:
    coefficients = fit.coefficients.to_significant_digits()
    values = {
        "name": request.device_name,
        "board": request.board or request.device_name,
        "software": request.software
        or ("not stated" if fit.ratios_fitted else f"not stated, ratios of {like.software}"),
        "source": f"fitted on {request.measurements.name} by suite device fit",
        "clock_mhz": _clock(request, like),
        "power_mw": request.power_mw or coefficients.pop("power_mw"),
        "ram_kib": request.ram_kib,
        "flash_kib": request.flash_kib,
    }
    device: KernelLibrary = construct(KernelLibrary, {**coefficients, **values}, "device")
    return device


def _describe(
    request: FitRequest, like: KernelLibrary, measurements: Sequence[Measurement], fit: DeviceFit
) -> Iterator[str]:
    width = max(len(m.label) for m in measurements)
    yield f"{'network':<{width}}  measured ms  predicted ms  error %  left out %"
    for m, error, left_out in zip(measurements, fit.errors, fit.left_out, strict=True):
        predicted = m.latency_ms * (1 + error)
        shown = "-" if math.isnan(left_out) else format_error(left_out)
        yield f"{m.label:<{width}}  {m.latency_ms:11.4g}  {predicted:12.4g}  {format_error(error):>7}  {shown:>10}"
    if len(measurements) > 1:
        mean = sum(abs(x) for x in fit.left_out) / len(measurements)
        yield f"mean error {100 * abs(fit.errors).mean():.1f} %, of networks left out {100 * mean:.1f} %"
    else:
        yield "one measurement: no network to leave out, so that the error on others is unknown"
    yield _about_ratios(request, like, measurements, fit)
    if request.clock_mhz is None:
        yield f"clock: {like.clock_mhz:g} MHz, of {like.name}; latencies do not depend on it, --clock-mhz names yours"


def _about_ratios(request: FitRequest, like: KernelLibrary, measurements: Sequence[Measurement], fit: DeviceFit) -> str:
    rows, support = ("1 row", "supports") if len(measurements) == 1 else (f"{len(measurements)} rows", "support")
    if fit.ratios_fitted:
        return f"ratios: fitted on the {rows}; {like.name}'s conv_output"
    default = "" if request.like else " (the default; name another with --like)"
    if fit.left_out_fitted_ratios is None:
        why = f"{rows} {support} a scale only, ratios take {ROWS_FOR_RATIOS}"
    else:
        why = f"fitted ones would miss networks left out by {100 * fit.left_out_fitted_ratios:.1f} %"
    return f"ratios: those of {like.name}{default}: {why}"


def _count(measurements: Sequence[Measurement]) -> str:
    shown = ", the first 9" if len(measurements) > 9 else ""
    return f"{counted(len(measurements), 'network')}{shown}"


def _output(request: FitRequest, text: str) -> Iterator[str]:
    if request.out is None:
        yield text.rstrip("\n")
        return
    write_atomic(request.out, text.encode())
    yield f"written to {request.out}"
    if request.out.absolute().parent.name == "device":
        folder = request.out.parent.parent
        yield f"use it: suite run --config-dir {folder} device={request.device_name}"
    else:
        yield f"use it: move it to MINE/device/, then suite run --config-dir MINE device={request.device_name}"
