"""`suite device`: device models against measurements, devices fitted on a user's own, and the recorded tables."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import output_console, verb_parser
from suite.cli.device_fit import add_fit_arguments, fit_and_describe
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
        print("\n".join(fit_and_describe(options, published)))
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
