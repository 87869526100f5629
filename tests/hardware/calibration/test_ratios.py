"""The fit of ratios and scales: what it recovers, and what it must not depend on."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.hardware.calibration.measurements import Measurement, Work
from suite.hardware.calibration.ratios import Ratios, fit_ratios, fit_scale, leave_one_out_errors

WORKS = [
    Work(12_500_992, 86_016, 0, 640),
    Work(2_368_000, 40_000, 288_000, 768),
    Work(6_690_816, 142_848, 798_336, 512),
    Work(0, 0, 0, 264_192),
]
ratios = st.floats(0.1, 30)
NETWORKS = [Measurement("", work, 0) for work in WORKS]
scales = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=4)


def _system(works: list[Work], latencies: Iterable[float]) -> list[Measurement]:
    return [Measurement("", work, ms) for work, ms in zip(works, latencies, strict=True)]


@given(depthwise=ratios, linear=ratios, scales=scales)
def test_ratios_and_scales_of_exact_latencies_are_recovered(
    depthwise: float, linear: float, scales: list[float]
) -> None:
    equivalents = Ratios(20, depthwise, linear).equivalent_macs(NETWORKS)
    fitted = fit_ratios([_system(WORKS, scale * equivalents) for scale in scales])
    assert (fitted.depthwise, fitted.linear) == pytest.approx((depthwise, linear), rel=1e-5)
    assert fit_scale(fitted.equivalent_macs(NETWORKS), list(scales[0] * equivalents)) == pytest.approx(
        scales[0], rel=1e-5
    )


@given(noise=st.lists(st.floats(0.7, 1.4), min_size=4, max_size=4), factor=st.floats(0.01, 100))
def test_a_faster_clock_changes_no_ratio(noise: list[float], factor: float) -> None:
    latencies = list(Ratios(20, 4, 2).equivalent_macs(NETWORKS) * noise)
    slow, fast = fit_ratios([_system(WORKS, latencies)]), fit_ratios([_system(WORKS, [factor * x for x in latencies])])
    assert (slow.depthwise, slow.linear) == pytest.approx((fast.depthwise, fast.linear), rel=1e-4, abs=1e-4)


def test_ratios_are_never_negative() -> None:
    cheap_depthwise = [Work(1e6, 0, 0, 0), Work(1e6, 0, 5e6, 0), Work(1e6, 0, 0, 1e6)]
    assert 0 < fit_ratios([_system(cheap_depthwise, [1.0, 0.5, 2.0])]).depthwise < 1e-3


@given(noise=st.lists(st.floats(0.5, 2), min_size=2, max_size=6))
def test_an_error_left_out_does_not_know_its_own_latency(noise: list[float]) -> None:
    equivalents = np.arange(1.0, 1 + len(noise))
    latencies = equivalents * noise
    others = fit_scale(equivalents[1:], list(latencies[1:]))
    expected = others * equivalents[0] / latencies[0] - 1
    assert leave_one_out_errors(equivalents, list(latencies))[0] == pytest.approx(expected)


def test_a_single_network_cannot_be_left_out() -> None:
    assert np.isnan(leave_one_out_errors([5.0], [1.0])).all()
