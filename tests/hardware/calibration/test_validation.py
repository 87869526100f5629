"""Device models against measurements: the acceptance on 24 networks, and what leaving out means."""

from dataclasses import replace

import numpy as np
import pytest
from devices import device
from mlperf_tiny import PUBLISHED_DEVICES

from suite.hardware.calibration.coefficients import fit_coefficients, library_ratios, other_systems
from suite.hardware.calibration.measurements import MeasuredSystem, latencies_ms
from suite.hardware.calibration.validation import compare, network_cycles, predict_ms, summarise, with_cycles_of
from suite.hardware.counted_kernels import CountedKernels

SYSTEMS = PUBLISHED_DEVICES.systems


def _system(name: str) -> MeasuredSystem:
    return next(system for system in SYSTEMS if name in system.devices)


def test_24_networks_that_nothing_was_fitted_on_are_within_ten_per_cent_on_average() -> None:
    (system,) = (system for system in SYSTEMS if not system.fitted)
    comparisons = compare(device("nucleo_h7a3zi").device, system, SYSTEMS)
    measured = [c.measured_ms for c in comparisons]
    model = summarise([c.predicted_ms for c in comparisons], measured)
    macs = summarise([c.macs for c in comparisons], measured)
    assert model.networks == 24
    assert model.mean <= 0.10
    assert model.spearman == pytest.approx(0.9896, abs=1e-4)
    assert model.spearman > macs.spearman
    assert model.mean < summarise([c.measured_ms * (1 + c.macs_only) for c in comparisons], measured).mean
    assert [c.leave_one_out for c in comparisons] == [None] * 24


def test_counted_instructions_with_one_constant_rank_and_predict_the_24_networks() -> None:
    (system,) = (system for system in SYSTEMS if not system.fitted)
    (name,) = system.checks
    counted = device("cortex_m7_cmsisnn").device
    assert isinstance(counted, CountedKernels)
    summary = summarise(predict_ms(with_cycles_of(counted, _system(name)), system), latencies_ms(system.networks))
    assert summary.networks == 24
    assert summary.mean <= 0.10
    assert summary.spearman >= 0.99


def test_cycles_of_an_instruction_come_from_the_system_alone() -> None:
    """Whatever the device had; networks that take twice as long have twice as many, and are predicted as before."""
    counted, system = device("cortex_m7_cmsisnn").device, _system("nucleo_h7a3zi")
    assert isinstance(counted, CountedKernels)
    slower = replace(system, networks=tuple(replace(n, latency_ms=2 * n.latency_ms) for n in system.networks))
    once, twice = with_cycles_of(counted, system), with_cycles_of(replace(counted, weight_read=0.5), slower)
    assert twice.cycles_per_instruction == pytest.approx(2 * once.cycles_per_instruction)
    assert once.weight_read == twice.weight_read == 0
    errors = np.array(predict_ms(once, system)) / latencies_ms(system.networks)
    assert np.log(errors).mean() == pytest.approx(0, abs=1e-12)
    assert np.array(predict_ms(twice, slower)) == pytest.approx(2 * np.array(predict_ms(once, system)))


def test_published_networks_are_compared_as_tensorflow_wrote_them() -> None:
    counted, system = device("cortex_m4_cmsisnn").device, _system("nucleo_l4r5zi_cmsisnn")
    assert isinstance(counted, CountedKernels)
    assert counted.exporter == "litert_torch"
    assert predict_ms(counted, system) == predict_ms(replace(counted, exporter="tensorflow"), system)


def test_ratios_for_a_board_left_out_come_from_other_boards() -> None:
    for system in SYSTEMS:
        if system.fitted:
            others = other_systems(system, SYSTEMS)
            assert others
            assert all(other.library == system.library and other is not system for other in others)
            only_board = len({s.board for s in SYSTEMS if s.library == system.library and s.fitted}) == 1
            assert only_board or all(other.board != system.board for other in others)


def test_an_error_left_out_knows_neither_the_network_nor_ratios_of_the_board() -> None:
    """Another latency of the network changes its error only as a fraction of the new latency."""
    name, index = "nucleo_l4r5zi", 2
    system = _system(name)
    slower = replace(system.networks[index], latency_ms=2 * system.networks[index].latency_ms)
    changed = replace(system, networks=tuple(slower if i == index else n for i, n in enumerate(system.networks)))
    systems = [changed if s is system else s for s in SYSTEMS]
    before = compare(device(name).device, system, SYSTEMS)[index]
    after = compare(device(name).device, changed, systems)[index]
    assert 2 * (1 + after.leave_one_out) == pytest.approx(1 + before.leave_one_out)
    assert 2 * (1 + after.macs_only) == pytest.approx(1 + before.macs_only)


def test_a_device_of_another_kind_is_compared_at_the_clock_of_the_measurement() -> None:
    system, gap8 = _system("nucleo_l4r5zi"), device("gap8").device
    comparison = compare(gap8, system, SYSTEMS)[0]
    assert comparison.predicted_ms == pytest.approx(network_cycles(gap8, system.networks[0].layers) / 120e3)
    errors = [c.leave_one_out for c in compare(gap8, system, SYSTEMS)]
    assert np.isfinite(errors).all()


def test_another_order_of_systems_gives_the_same_coefficients() -> None:
    system = _system("nucleo_u575zi")
    forward = fit_coefficients(system, SYSTEMS)
    assert fit_coefficients(system, tuple(reversed(SYSTEMS))) == forward


def test_systems_that_only_check_take_no_part_in_the_fit() -> None:
    library = [s for s in SYSTEMS if s.library == "xcubeai_7_8"]
    assert any(not s.fitted for s in library)
    assert library_ratios(library) == library_ratios([s for s in library if s.fitted])
