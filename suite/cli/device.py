"""`suite device`: device models against measurements, devices fitted on a user's own, and the recorded tables."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import output_console, verb_parser
from suite.cli.device_fit import FitRequest, fit_and_describe
from suite.cli.device_view import device_view
from suite.config.devices import load_device, load_devices
from suite.hardware.calibration.tables import PUBLISHED_DEVICES, PublishedDevices
from suite.report.device_tables import device_tables


def main(arguments: Sequence[str]) -> int:
    """Run `suite device show`, `fit` or `tables`."""
    options = _parser().parse_args(arguments)
    published = PublishedDevices(options.published)
    if options.verb == "show":
        output_console().print(device_view(load_device(options.name, options.config_dir), published))
    elif options.verb == "fit":
        print("\n".join(fit_and_describe(_fit_request(options), published)))
    else:
        for table in device_tables(load_devices(), published):
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
    _add_fit_arguments(fit)
    text = "Write the recorded tables of device models from the published measurements."
    tables = verbs.add_parser("tables", help="the recorded tables", description=text)
    tables.add_argument("--out", type=Path, default=Path("results/devices"), help="their folder (results/devices)")
    for verb in (show, fit):
        verb.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    for verb in (show, fit, tables):
        about = "the folder of published measurements, by default that of the checkout"
        verb.add_argument("--published", type=Path, default=PUBLISHED_DEVICES, metavar="FOLDER", help=about)
    return parser


def _add_fit_arguments(fit: argparse.ArgumentParser) -> None:
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


def _fit_request(options: argparse.Namespace) -> FitRequest:
    return FitRequest(
        measurements=options.measurements,
        name=options.name,
        like=options.like,
        board=options.board,
        software=options.software,
        clock_mhz=options.clock_mhz,
        ram_kib=options.ram_kib,
        flash_kib=options.flash_kib,
        power_mw=options.power_mw,
        out=options.out,
        config_dir=options.config_dir,
    )
