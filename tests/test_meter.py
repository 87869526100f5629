"""The meter: MACs by convention, seconds by phase, nothing counted twice."""

import time

import pytest

from suite.meter import Meter


def test_a_training_step_costs_three_forward_passes() -> None:
    meter = Meter(standard_macs=3000.0)
    meter.charge_training("warmup", 10, 50)
    meter.charge_evaluation(10, 30)
    report = meter.report()
    assert report["phases"]["warmup"]["macs"] == 1500
    assert report["phases"]["evaluation"]["macs"] == 300
    assert report["standard_trainings"] == {
        "total": 0.6, "warmup": 0.5, "search": 0.0, "finetune": 0.0, "evaluation": 0.1
    }  # fmt: skip


def test_an_inner_phase_stops_the_outer_clock() -> None:
    meter = Meter(1.0)
    start = time.perf_counter()
    with meter.phase("search"), meter.phase("evaluation"):
        time.sleep(0.05)
    elapsed = time.perf_counter() - start
    inner = meter.phases["evaluation"].wall_s
    assert inner >= 0.05
    assert meter.phases["search"].wall_s <= elapsed - inner, "no second is counted twice"
    assert meter.total().wall_s == pytest.approx(meter.phases["search"].wall_s + inner)


def test_shared_work_is_charged_in_full_and_remembered() -> None:
    artefact = Meter(1.0)
    artefact.charge_training("warmup", 7, 10)
    artefact.charge_evaluation(7, 10)
    meter = Meter(1.0)
    meter.charge_training("search", 7, 1)
    meter.add_shared("seed training", "abc", artefact.state())
    assert meter.report()["shared"] == {"seed training": {"artefact": "abc", "macs": 7 * 10 * 3 + 7 * 10}}
    assert meter.total().macs == 210 + 70 + 21


def test_a_restored_meter_goes_on_counting() -> None:
    meter = Meter(1.0)
    meter.charge_training("search", 5, 2)
    other = Meter(1.0)
    other.restore(meter.state())
    other.charge_training("search", 5, 2)
    assert other.total().macs == 60


def test_lost_work_is_not_in_the_total() -> None:
    meter = Meter(1.0)
    meter.lost.macs = 99
    assert meter.report()["total"]["macs"] == 0
    assert meter.report()["lost"]["macs"] == 99


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(ValueError, match="warmup"), Meter(1.0).phase("training"):
        pass
