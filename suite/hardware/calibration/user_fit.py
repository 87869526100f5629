"""A kernel-library device fitted on a user's own measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.hardware.calibration.coefficients import Coefficients
from suite.hardware.calibration.ratios import (
    Floats,
    Ratios,
    Sample,
    errors,
    fit_ratios,
    fit_scale,
    leave_one_out_errors,
)
from suite.hardware.calibration.user_table import Measurement

ROWS_FOR_RATIOS = 6
"""Twice the three unknowns (scale and two ratios): with MLPerf Tiny's four networks, one alone fixes a ratio."""


@dataclass(frozen=True)
class DeviceFit:
    """A fitted device: `errors` of each row as a fraction, `left_out` when the fit did not see the row.

    ratios_fitted: whether the ratios come from the measurements, not from another device.
    left_out_fitted_ratios: mean absolute left-out error with ratios from the measurements; None with too few rows.
    left_out_given_ratios: the same with the other device's ratios.
    """

    coefficients: Coefficients
    ratios_fitted: bool
    errors: Floats
    left_out: Floats
    left_out_given_ratios: float
    left_out_fitted_ratios: float | None


def fit_device(measurements: Sequence[Measurement], given: Ratios, clock_mhz: float) -> DeviceFit:
    """Fit scale and, where the measurements can support them, ratios: non-negative, least squared log errors.

    Ratios are fitted where there are at least `ROWS_FOR_RATIOS` rows and a left-out row is then predicted better, on
    average, than with the `given` ones. Outputs of convolutions keep the given ratio in either case. The predicted
    latency does not depend on `clock_mhz`, by which cycles become milliseconds.
    """
    sample = Sample([m.work for m in measurements], [m.latency_ms for m in measurements])
    ratios, left_out = given, leave_one_out_errors(given.equivalent_macs(sample.works), sample.latencies_ms)
    mean_given, mean_fitted = float(np.abs(left_out).mean()), None
    if len(measurements) >= ROWS_FOR_RATIOS:
        refitted = _left_out_with_fitted_ratios(sample, given.conv_output)
        mean_fitted = float(np.abs(refitted).mean())
        if mean_fitted < mean_given:
            ratios, left_out = fit_ratios([sample], given.conv_output), refitted
    equivalents = ratios.equivalent_macs(sample.works)
    scale = fit_scale(equivalents, sample.latencies_ms)
    return DeviceFit(
        coefficients=Coefficients(
            cycles_per_mac=scale * 1e3 * clock_mhz,
            conv_output=ratios.conv_output,
            depthwise=ratios.depthwise,
            linear=ratios.linear,
            power_mw=_power_mw(measurements),
        ),
        ratios_fitted=ratios is not given,
        errors=errors(scale * equivalents, sample.latencies_ms),
        left_out=left_out,
        left_out_given_ratios=mean_given,
        left_out_fitted_ratios=mean_fitted,
    )


def _left_out_with_fitted_ratios(sample: Sample, conv_output: float) -> Floats:
    """Errors of each row when ratios and scale are fitted on the others, shape (rows,)."""
    result = []
    for index, (work, latency) in enumerate(zip(sample.works, sample.latencies_ms, strict=True)):
        others = sample.without(index)
        ratios = fit_ratios([others], conv_output)
        scale = fit_scale(ratios.equivalent_macs(others.works), others.latencies_ms)
        result.append(scale * float(ratios.equivalent_macs([work])[0]) / latency - 1)
    return np.array(result)


def _power_mw(measurements: Sequence[Measurement]) -> float | None:
    """Geometric mean of energy / latency over the rows with an energy."""
    powers = [m.energy_uj / m.latency_ms for m in measurements if m.energy_uj]
    return float(np.exp(np.mean(np.log(powers)))) if powers else None
