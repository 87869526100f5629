"""Which tables are recorded, made from the published measurements and the devices' files alone."""

from collections.abc import Mapping

import pandas as pd

from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.latency import Device
from suite.report.device_tables.device_table import DeviceTable
from suite.report.device_tables.free_channels import free_channels_table
from suite.report.device_tables.mlperf_tiny import coefficients_table, mlperf_tiny_table
from suite.report.device_tables.stm32h747 import stm32h747_table


def device_tables(devices: Mapping[str, Device], published: PublishedDevices) -> list[DeviceTable]:
    """All recorded tables, from devices by name and the published measurements.

    Raises:
        SuiteError: a table of the published measurements is not there.
    """
    return [
        mlperf_tiny_table(devices, published.systems),
        coefficients_table(devices, published.systems),
        stm32h747_table(devices, published.systems),
        _single_layers(published),
        free_channels_table(devices),
    ]


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
