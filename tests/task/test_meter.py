"""The meter: MACs by convention, seconds by phase, nothing counted twice."""

import time

import pytest
import torch

from suite.task.meter import Meter


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


def test_a_meter_begins_at_nothing_and_waiting_takes_no_time_of_the_processor() -> None:
    meter = Meter(1.0)
    assert not any(vars(meter.total()).values())
    with meter.phase("search"):
        time.sleep(0.2)
    usage = meter.phases["search"]
    assert usage.wall_s >= 0.2
    assert 0 <= usage.cpu_s < 0.1


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
    meter.add_shared("reference training", "abc", artefact.state())
    assert meter.report()["shared"] == {"reference training": {"artefact": "abc", "macs": 7 * 10 * 3 + 7 * 10}}
    assert meter.total().macs == 210 + 70 + 21


def test_a_restored_meter_goes_on_counting() -> None:
    meter = Meter(1.0)
    meter.charge_training("search", 5, 2)
    other = Meter(1.0)
    other.restore(meter.state())
    other.charge_training("search", 5, 2)
    assert other.total().macs == 60


@pytest.mark.parametrize(
    "usage", [{"macs": torch.zeros(0)}, {"macs": {}}, {"macs": True}, {"wall_s": "1"}, {"joules": 1}]
)
def test_the_state_of_another_thing_is_refused_before_anything_is_counted(usage: dict[str, object]) -> None:
    """A record that holds a tensor cannot be written, and a run that failed must be."""
    meter = Meter(1.0)
    for count in (
        lambda: meter.add_shared("reference training", "abc", {"warmup": usage}),
        lambda: meter.restore({"warmup": usage}),
    ):
        with pytest.raises(ValueError, match=f"not a meter's state: {next(iter(usage))}"):
            count()
    assert meter.report() == Meter(1.0).report()


def test_lost_work_is_not_in_the_total() -> None:
    meter = Meter(1.0)
    meter.lost.macs = 99
    assert meter.report()["total"]["macs"] == 0
    assert meter.report()["lost"]["macs"] == 99


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(ValueError, match="warmup"), Meter(1.0).phase("training"):
        pass


class FakeGpu:
    """A device whose clock we set: an event keeps the time at which the device had done all it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gpu, self.ms, self.given_ms = self, 0.0, 0.0

        class Event:
            def __init__(self, enable_timing: bool = False) -> None:
                assert enable_timing
                self.at: float | None = None

            def record(self) -> None:
                self.at = gpu.ms + gpu.given_ms

            def elapsed_time(self, end: "Event") -> float:
                assert self.at is not None
                assert end.at is not None
                assert end.at <= gpu.ms, "an event is read when the device has reached it"
                return end.at - self.at

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", self.wait)

    def give(self, ms: float) -> None:
        self.given_ms += ms

    def wait(self) -> None:
        self.ms, self.given_ms = self.ms + self.given_ms, 0.0


def test_gpu_seconds_are_the_devices_own(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(monkeypatch)
    meter = Meter(1.0, "cuda")
    gpu.give(1000)  # before any phase
    for _ in range(2):
        with meter.phase("search"):
            gpu.give(250)
            with meter.phase("evaluation"):
                gpu.give(500)
            gpu.give(125)
        gpu.give(4000)  # between phases
    assert meter.state()["search"]["gpu_s"] == 0.75
    assert meter.phases["evaluation"].gpu_s == 1.0
    assert meter.phases["search"].wall_s < 0.5, "the wall clock is another one"
    with meter.phase("finetune"):
        gpu.give(2000)
        assert meter.report()["phases"]["finetune"]["gpu_s"] == 2, "as far as it has come"
        gpu.give(1000)
    assert meter.total().gpu_s == 4.75


def test_a_cpu_run_asks_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "Event", None)
    monkeypatch.setattr(torch.cuda, "synchronize", None)
    meter = Meter(1.0)
    with meter.phase("search"):
        time.sleep(0.01)
    assert meter.phases["search"].wall_s >= 0.01
    assert meter.total().gpu_s == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_seconds_agree_with_the_wall_clock_where_the_gpu_does_all() -> None:
    x = torch.randn(4096, 4096, device="cuda")
    _ = x @ x
    meter = Meter(1.0, "cuda")
    with meter.phase("search"):
        for _ in range(200):
            x @ x
    usage = meter.phases["search"]
    assert usage.gpu_s == pytest.approx(usage.wall_s, rel=0.1)
