"""Three predictors of 24 networks on a board on which nothing was fitted: formula, counted instructions, MACs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from suite.hardware.calibration.instruction_cycles import with_cycles_of
from suite.hardware.calibration.measurements import MeasuredSystem
from suite.hardware.calibration.validation import Comparison, compare, predict_ms, summarise
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.latency import Device
from suite.report.device_tables.device_table import DeviceTable, per_cent, significant

_LAW = "cortex_m7_cmsisnn"
"""The device whose law is taken."""


def stm32h747_table(devices: Mapping[str, Device], systems: Sequence[MeasuredSystem]) -> DeviceTable:
    """The networks that only check the device that they are recorded for."""
    system = next(s for s in systems if not s.fitted)
    (name,) = system.checks
    fitted_on = next(s for s in systems if name in s.devices)
    law = devices[_LAW]
    assert isinstance(law, CountedKernels)
    counted = with_cycles_of(law, fitted_on)
    counted_ms, comparisons = predict_ms(counted, system), compare(devices[name], system, systems)
    rows = [_row(c, ms) for c, ms in zip(comparisons, counted_ms, strict=True)]
    about = (
        f"Networks on the {system.board} at {system.clock_mhz:g} MHz with {system.software}, on which nothing "
        f"was fitted. Formula: the coefficients of {name}, scaled by the clock alone. Counted: the instructions of "
        f"CMSIS-NN's kernels, though {system.software} has kernels of its own, at {counted.cycles_per_instruction:.3f} "
        f"cycles each, the geometric mean over the {len(fitted_on.networks)} networks that {name} is fitted on "
        f"({fitted_on.board}, {fitted_on.software}); no other constant (weight_read 0). MACs: at the mean cycles a MAC "
        f"of {name}. Counted are convolutions, linear layers, additions and pools, as the networks' source code has "
        "them; padding, concatenation, resizing, softmax and the products of squeeze-and-excite cost nothing here."
    )
    measured = system.latencies_ms
    predicted = {
        "formula": [c.predicted_ms for c in comparisons],
        "counted": counted_ms,
        "MACs": [c.measured_ms * (1 + c.macs_only) for c in comparisons],
    }
    foot = tuple(_summary_line(predictor, ms, measured) for predictor, ms in predicted.items())
    return DeviceTable("stm32h747", pd.DataFrame(rows), about, foot)


def _row(c: Comparison, counted_ms: float) -> dict[str, object]:
    return {
        "network": c.network,
        "MACs": int(c.macs),
        "measured ms": c.measured_ms,
        "formula ms": significant(c.predicted_ms),
        "formula error %": per_cent(c.error),
        "counted ms": significant(counted_ms),
        "counted error %": per_cent(counted_ms / c.measured_ms - 1),
        "MACs error %": per_cent(c.macs_only),
    }


def _summary_line(name: str, predicted: Sequence[float], measured: Sequence[float]) -> str:
    summary = summarise(predicted, measured)
    values = asdict(summary)
    errors = ", ".join(f"{key} {100 * values[key]:.1f} %" for key in ("mean", "median", "largest", "bias"))
    ranks = f"Spearman {summary.spearman:.4f}, Kendall {summary.kendall:.4f}"
    return f"{name}, {summary.networks} networks: {errors}, {ranks}"
