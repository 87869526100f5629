"""`suite device`: device models against measurements, devices fitted on a user's own, and the recorded tables."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from suite.cli.console import output_console, verb_parser
from suite.cli.device_fit import add_fit_arguments, fit_and_describe
from suite.config.devices import load_device, load_devices
from suite.hardware.calibration.device_file import format_error
from suite.hardware.calibration.measurements import MeasuredSystem
from suite.hardware.calibration.tables import PUBLISHED_DEVICES, PublishedDevices, systems_of
from suite.hardware.calibration.validation import Comparison, compare, summarise
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.latency import Device
from suite.report.device_tables import device_tables
from suite.report.free_channels import free_channels_table


def main(arguments: Sequence[str]) -> int:
    """Run `suite device show`, `fit` or `tables`."""
    options = _parser().parse_args(arguments)
    published = PublishedDevices(options.published)
    if options.verb == "show":
        output_console().print(device_view(load_device(options.name, options.config_dir), published))
    elif options.verb == "fit":
        print("\n".join(fit_and_describe(options, published)))
    else:
        torch.set_num_threads(1)  # tensors of a few hundred numbers, for which threads cost more than they save
        devices = load_devices()
        for table in (*device_tables(devices, published), free_channels_table(devices)):
            table.write(options.out)
            print(options.out / f"{table.name}.md")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = verb_parser("device", "Device models: against measurements, fitted on your own, and as recorded tables.")
    verbs = parser.add_subparsers(dest="verb", metavar="{show,fit,tables}", required=True)
    text = "Show a device's facts, its model against every measured network, and where it is to be trusted."
    show = verbs.add_parser("show", help="a device against measurements", description=text)
    show.add_argument("name", help="its name in `suite list`")
    text = (
        "Fit a device on your own measurements. Columns of the file: latency_ms; network (resnet8, ds_cnn, "
        "mobilenet_v1, autoencoder, a run's folder or an architecture.json) or macs_conv, conv_outputs, macs_depthwise "
        "and macs_linear; energy_uj where you have it."
    )
    fit = verbs.add_parser("fit", help="a device from your own measurements", description=text)
    add_fit_arguments(fit)
    text = "Write the recorded tables of device models from the published measurements."
    tables = verbs.add_parser("tables", help="the recorded tables", description=text)
    tables.add_argument("--out", type=Path, default=Path("results/devices"), help="their folder (results/devices)")
    for verb in (show, fit):
        verb.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    for verb in (show, fit, tables):
        about = "the folder of published measurements, by default that of the checkout"
        verb.add_argument("--published", type=Path, default=PUBLISHED_DEVICES, metavar="FOLDER", help=about)
    return parser


_COUNTED = (
    "The networks are compared as TensorFlow's converter wrote them (exporter: tensorflow): linear layers with one "
    "scale, convolutions of one channel as such. MACs alone: at the rate of the board's other networks."
)


def device_view(device: Device, published: PublishedDevices) -> RenderableType:
    """What `suite device show` prints.

    Raises:
        SuiteError: the published measurements are not there.
    """
    parts: list[RenderableType] = [Text(device.name, style="bold"), _facts(device)]
    systems = systems_of(device.name, published.systems)
    for system in systems:
        comparisons = compare(device, system, published.systems)
        parts += [Text(), Text(_heading(device, system)), _comparison_table(comparisons)]
        parts += map(Text, _summary(comparisons))
    if systems and isinstance(device, CountedKernels):
        parts += [Text(), Text(_COUNTED)]
    domain = str(getattr(device, "domain", None) or "The model states no domain.")
    parts += [Text(), Text(domain if systems else _not_measured(device))]
    return Group(*parts)


def _not_measured(device: Device) -> str:
    absolute = "" if device.clock_mhz else " Without a clock only ratios of its cycles mean anything."
    return f"No published measurement belongs to this device: its errors are unknown.{absolute}"


def _facts(device: Device) -> Table:
    facts = dict(vars(device))
    facts.pop("name")
    rows = {key: text for key in ("board", "software", "source") if (text := facts.pop(key, ""))}
    for key, label, unit in (
        ("clock_mhz", "clock", "MHz"), ("ram_kib", "RAM", "KiB"), ("flash_kib", "flash", "KiB"),
        ("power_mw", "power", "mW"),
    ):  # fmt: skip
        value = facts.pop(key, None)
        rows[label] = "unknown" if value is None else f"{value:g} {unit}"
    energy = "power x latency, not measured network by network" if device.power_mw else "none: power unknown"
    table = Table(box=None, padding=(0, 2), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, fact in {**rows, "model": type(device).__name__, **facts, "energy": energy}.items():
        table.add_row(label, Text(str(fact)))
    return table


def _heading(device: Device, system: MeasuredSystem) -> str:
    role = "a check, nothing was fitted on it" if device.name in system.checks else "fitted on"
    return f"{system.board}, {system.clock_mhz:g} MHz, {system.software} ({role})"


def _comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """A row a network, whose columns of numbers no terminal of 80 columns cuts; energies where they were measured."""
    table = Table(box=None, padding=(0, 1, 0, 2))
    table.add_column("network", no_wrap=True)
    errors = _error_columns(comparisons)
    energies = ["energy"] if any(c.measured_uj for c in comparisons) else []
    percentages = [f"{label} %" for label in (*errors, *energies)]
    for column in ("MMAC", "measured ms", "predicted ms", *percentages):
        table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    for c in comparisons:
        signed = [format_error(getattr(c, field)) for field in errors.values()]
        if c.measured_uj and c.predicted_uj:
            signed.append(format_error(c.predicted_uj / c.measured_uj - 1))
        table.add_row(c.network, f"{c.macs / 1e6:.3g}", f"{c.measured_ms:.4g}", f"{c.predicted_ms:.4g}", *signed)
    return table


def _error_columns(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Label -> field of `Comparison`; of a check there is nothing to leave out."""
    left_out = {} if any(c.leave_one_out is None for c in comparisons) else {"left out": "leave_one_out"}
    return {"error": "error", **left_out, "MACs alone": "macs_only"}


def _summary(comparisons: Sequence[Comparison]) -> Iterator[str]:
    measured = [c.measured_ms for c in comparisons]
    for label, field in _error_columns(comparisons).items():
        s = summarise([c.measured_ms * (1 + getattr(c, field)) for c in comparisons], measured)
        yield f"{label}: mean {100 * s.mean:.1f} %, largest {100 * s.largest:.1f} %, Spearman {s.spearman:.4f}"
