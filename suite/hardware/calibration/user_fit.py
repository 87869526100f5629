"""A kernel-library device fitted on a user's own measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.hardware.calibration.coefficients import exact_coefficients
from suite.hardware.calibration.measurements import Measurement, latencies_ms
from suite.hardware.calibration.ratios import Floats, Ratios, errors, fit_ratios, fit_scale, leave_one_out_errors

ROWS_FOR_RATIOS = 6
"""Twice the three unknowns (scale and two ratios): with MLPerf Tiny's four networks, one alone fixes a ratio."""


@dataclass(frozen=True)
class DeviceFit:
    """A fitted device: `errors` of each row as a fraction, `left_out` when the fit did not see the row.

    coefficients: as of `exact_coefficients`.
    ratios_fitted: whether the ratios come from the measurements, not from another device.
    left_out_fitted_ratios: mean absolute left-out error with ratios from the measurements; None with too few rows.
    """

    coefficients: dict[str, float]
    ratios_fitted: bool
    errors: Floats
    left_out: Floats
    left_out_fitted_ratios: float | None


def fit_device(measurements: Sequence[Measurement], given: Ratios, clock_mhz: float) -> DeviceFit:
    """Fit scale and, where the measurements can support them, ratios: non-negative, least squared log errors.

    Ratios are fitted where there are at least `ROWS_FOR_RATIOS` rows and a left-out row is then predicted better, on
    average, than with the `given` ones. Outputs of convolutions keep the given ratio in either case. The predicted
    latency does not depend on `clock_mhz`, by which cycles become milliseconds.
    """
    latencies = latencies_ms(measurements)
    ratios, left_out = given, leave_one_out_errors(given.equivalent_macs(measurements), latencies)
    mean_given, mean_fitted = float(np.abs(left_out).mean()), None
    if len(measurements) >= ROWS_FOR_RATIOS:
        refitted = _left_out_with_fitted_ratios(measurements, given.conv_output)
        mean_fitted = float(np.abs(refitted).mean())
        if mean_fitted < mean_given:
            ratios, left_out = fit_ratios([measurements], given.conv_output), refitted
    equivalents = ratios.equivalent_macs(measurements)
    return DeviceFit(
        coefficients=exact_coefficients(ratios, measurements, clock_mhz),
        ratios_fitted=ratios is not given,
        errors=errors(fit_scale(equivalents, latencies) * equivalents, latencies),
        left_out=left_out,
        left_out_fitted_ratios=mean_fitted,
    )


def _left_out_with_fitted_ratios(measurements: Sequence[Measurement], conv_output: float) -> Floats:
    """Errors of each row when ratios and scale are fitted on the others, shape (rows,)."""
    result = []
    for index, row in enumerate(measurements):
        others = [*measurements[:index], *measurements[index + 1 :]]
        ratios = fit_ratios([others], conv_output)
        scale = fit_scale(ratios.equivalent_macs(others), latencies_ms(others))
        result.append(scale * float(ratios.equivalent_macs([row])[0]) / row.latency_ms - 1)
    return np.array(result)
