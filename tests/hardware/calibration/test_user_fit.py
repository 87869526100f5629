"""Fits on a user's own measurements: what they recover, and when ratios are taken from another device."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.hardware.calibration.measurements import Measurement, Work
from suite.hardware.calibration.ratios import Ratios
from suite.hardware.calibration.user_fit import ROWS_FOR_RATIOS, fit_device

GIVEN = Ratios(20, 1.343, 1.125)


def _measurements(true: Ratios, cycles_per_mac: float, clock_mhz: float, rows: int) -> list[Measurement]:
    """Networks of mixed kinds without noise; power 50 mW."""
    rng = np.random.default_rng(rows)
    works = [Work(*(float(x) for x in rng.integers(10_000, 5_000_000, 4))) for _ in range(rows)]
    latencies = cycles_per_mac * true.equivalent_macs([Measurement("", w, 0) for w in works]) / (1e3 * clock_mhz)
    return [
        Measurement("", work, float(ms), 50 * float(ms), float(ms)) for work, ms in zip(works, latencies, strict=True)
    ]


@settings(max_examples=20)
@given(depthwise=st.floats(2, 8), linear=st.floats(1.3, 4), scale=st.floats(0.5, 8), clock=st.floats(16, 600))
def test_enough_exact_rows_give_their_own_ratios(depthwise: float, linear: float, scale: float, clock: float) -> None:
    fit = fit_device(_measurements(Ratios(20, depthwise, linear), scale, clock, ROWS_FOR_RATIOS), GIVEN, clock)
    assert fit.ratios_fitted
    c = fit.coefficients
    assert (c["cycles_per_mac"], c["depthwise"], c["linear"]) == pytest.approx((scale, depthwise, linear), rel=1e-3)
    assert c["power_mw"] == pytest.approx(50)
    assert np.abs(fit.left_out).max() < 1e-3


@pytest.mark.parametrize("rows", range(1, ROWS_FOR_RATIOS))
def test_few_rows_keep_the_given_ratios_and_fit_the_scale(rows: int) -> None:
    fit = fit_device(_measurements(GIVEN, 3.0, 100, rows), GIVEN, 100)
    assert not fit.ratios_fitted
    assert fit.left_out_fitted_ratios is None
    assert (fit.coefficients["depthwise"], fit.coefficients["linear"]) == (GIVEN.depthwise, GIVEN.linear)
    assert fit.coefficients["cycles_per_mac"] == pytest.approx(3.0)
    assert np.abs(fit.errors).max() < 1e-9


def test_ratios_that_predict_left_out_rows_worse_are_not_taken() -> None:
    """One network alone fixes the linear ratio, so that without it the ratio is free."""
    works = [Work(1e6 * i, 1e4, 0, 10) for i in range(1, ROWS_FOR_RATIOS)] + [Work(0, 0, 0, 1e6)]
    noise = [1.02, 0.98, 1.01, 0.99, 1.02, 1.0]
    latencies = GIVEN.equivalent_macs([Measurement("", w, 0) for w in works]) * noise / 1e5
    rows = [Measurement(str(i), w, float(ms)) for i, (w, ms) in enumerate(zip(works, latencies, strict=True))]
    fit = fit_device(rows, GIVEN, 100)
    assert not fit.ratios_fitted
    assert fit.left_out_fitted_ratios is not None
    assert fit.left_out_fitted_ratios > np.abs(fit.left_out).mean()
    assert "power_mw" not in fit.coefficients


def test_the_predicted_latency_does_not_depend_on_the_clock() -> None:
    rows = _measurements(Ratios(20, 5, 2), 2.0, 100, 8)
    slow, fast = fit_device(rows, GIVEN, 50), fit_device(rows, GIVEN, 500)
    assert slow.errors == pytest.approx(fast.errors)
    assert slow.coefficients["cycles_per_mac"] * 10 == pytest.approx(fast.coefficients["cycles_per_mac"])
