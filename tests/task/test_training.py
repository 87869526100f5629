"""The training loop: charged in full, resumable bit for bit, honest about divergence."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tasks import task
from torch import Tensor, nn

from suite.records.tensors import load_tensors
from suite.task import interruption
from suite.task.meter import Meter
from suite.task.objective import Objective
from suite.task.recipe import Optimisation, Recipe
from suite.task.task import Task
from suite.task.training import Diverged, Phase, fit

RECIPE_PHASE = Optimisation(lr=2e-3)


def _meter(of: Task) -> Meter:
    return Meter(of.standard_macs)


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in network.state_dict().items()}


class _Killed(BaseException):
    """As SIGKILL, from within."""


class _KillAt(Objective):
    """Dies at the end of an epoch, before the checkpoint of that epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def row(self, epoch: int) -> dict[str, float]:
        if epoch == self.epoch:
            raise _Killed
        return {}


def test_a_standard_training_costs_one_standard_training(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    meter = _meter(of)
    fit(of, of.new_network(), meter, Phase("warmup", RECIPE_PHASE))
    report = meter.report()
    assert report["standard_trainings"]["warmup"] == pytest.approx(1.0)
    assert report["phases"]["warmup"]["training_samples"] == 2 * 320
    assert report["phases"]["evaluation"]["evaluation_samples"] == 2 * 100
    assert report["phases"]["warmup"]["networks"] == 1


@pytest.mark.parametrize("killed_in", [0, 1, 3])
def test_a_killed_training_continues_to_the_same_bits(tmp_path: Path, killed_in: int) -> None:
    phase = Phase("warmup", RECIPE_PHASE, epochs=5)
    whole, _ = task(tmp_path / "whole")
    network = whole.new_network()
    expected = fit(whole, network, _meter(whole), phase)

    of, _ = task(tmp_path / "killed")
    with pytest.raises(_Killed):
        fit(of, of.new_network(), _meter(of), phase, objective=_KillAt(killed_in))
    continued = of.new_network()
    meter = _meter(of)
    result = fit(of, continued, meter, phase)

    assert result.rows == expected.rows
    assert result.best_epoch == expected.best_epoch
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in continued.state_dict().items())
    assert meter.phases["warmup"].training_samples == 5 * 320
    assert meter.phases["warmup"].networks == 1


class _StopIn(Objective):
    """Asks to stop in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def begin_pass(self, split: str, epoch: int) -> None:
        if epoch == self.epoch:
            interruption.request("SIGTERM", at_once=True)


@pytest.mark.parametrize(("checkpoint_seconds", "epochs_saved"), [(1000.0, 3), (0.0, 2)])
def test_a_request_to_stop_waits_until_nothing_is_lost_but_an_epoch_whose_beginning_was_saved(
    checkpoint_seconds: float, epochs_saved: int, tmp_path: Path
) -> None:
    phase = Phase("warmup", RECIPE_PHASE, epochs=5)
    whole, _ = task(tmp_path / "whole")
    network = whole.new_network()
    expected = fit(whole, network, _meter(whole), phase)

    of, _ = task(tmp_path / "stopped", checkpoint_seconds=checkpoint_seconds)
    try:
        with pytest.raises(interruption.Interrupted, match="SIGTERM"):
            fit(of, of.new_network(), _meter(of), phase, objective=_StopIn(2))
    finally:
        interruption.reset()
    assert load_tensors(of.workspace.checkpoint("warmup"))["epoch"] == epochs_saved
    continued, meter = of.new_network(), _meter(of)
    result = fit(of, continued, meter, phase)
    assert result.rows == expected.rows
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in continued.state_dict().items())
    assert 0 < meter.lost.training_samples <= 320 if epochs_saved == 2 else meter.lost.training_samples == 0


def test_a_finished_phase_is_not_repeated(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    phase = Phase("warmup", RECIPE_PHASE)
    first, meter = of.new_network(), _meter(of)
    fit(of, first, meter, phase)
    second, again = of.new_network(), _meter(of)
    result = fit(of, second, again, phase, objective=_KillAt(0))
    assert all(torch.equal(v, first.state_dict()[k]) for k, v in second.state_dict().items())
    assert len(result.rows) == 2
    assert again.total().macs == meter.total().macs


def test_lost_work_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.task.training._HEARTBEAT_S", 0.0)
    of, _ = task(tmp_path)
    phase = Phase("warmup", RECIPE_PHASE, epochs=4)
    with pytest.raises(_Killed):
        fit(of, of.new_network(), _meter(of), phase, objective=_KillAt(2))
    meter = _meter(of)
    fit(of, of.new_network(), meter, phase)
    assert meter.lost.training_samples == 320
    assert meter.phases["warmup"].training_samples == 4 * 320


def test_the_network_is_left_with_its_best_epoch(tmp_path: Path) -> None:
    class First(Objective):
        def rank(self, epoch: int, score: float) -> tuple[float, ...]:
            return (-float(epoch),)

    of, _ = task(tmp_path)
    one, two = of.new_network(), of.new_network()
    fit(of, one, _meter(of), Phase("warmup", Optimisation(schedule="constant"), epochs=1, label="a"))
    torch.manual_seed(99)  # the global generator must not matter
    same_stream = replace(of, workspace=replace(of.workspace, folder=tmp_path / "other"))
    result = fit(
        same_stream, two, _meter(of), Phase("warmup", Optimisation(schedule="constant"), epochs=3, label="a"),
        objective=First(),
    )  # fmt: skip
    assert result.best_epoch == 0
    assert all(torch.equal(v, one.state_dict()[k]) for k, v in two.state_dict().items())


def _with_scores(of: Task, *scores: float) -> Task:
    """The task with these validation scores, one an epoch."""
    remaining = iter(scores)
    return replace(of, score=lambda *_: next(remaining))


@pytest.mark.parametrize(
    ("scores", "best_epoch"), [((math.nan, 0.3, 0.2), 1), ((0.3, math.nan, 0.2), 0), ((math.nan, -7.0, math.nan), 1)]
)
def test_an_epoch_whose_score_is_nan_is_never_preferred_to_one_with_a_number(
    scores: tuple[float, ...], best_epoch: int, tmp_path: Path
) -> None:
    of, _ = task(tmp_path)
    training = fit(_with_scores(of, *scores), of.new_network(), _meter(of), Phase("warmup", RECIPE_PHASE, len(scores)))
    assert training.best_epoch == best_epoch
    assert training.best_score == scores[best_epoch]


def test_where_all_scores_are_nan_the_first_epoch_is_kept_and_its_score_tells(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    training = fit(_with_scores(of, math.nan, math.nan), of.new_network(), _meter(of), Phase("warmup", RECIPE_PHASE, 2))
    assert training.best_epoch == 0
    assert math.isnan(training.best_score)


def test_patience_stops_early(tmp_path: Path) -> None:
    class Falling(Objective):
        def rank(self, epoch: int, score: float) -> tuple[float, ...]:
            return (-float(epoch),)

    of, _ = task(tmp_path)
    result = fit(of, of.new_network(), _meter(of), Phase("warmup", RECIPE_PHASE, 9, patience=2), objective=Falling())
    assert len(result.rows) == 3
    phase = Phase("warmup", RECIPE_PHASE, 9, "late", patience=2, patience_from=4)
    assert len(fit(of, of.new_network(), _meter(of), phase, objective=Falling()).rows) == 7


def test_divergence_is_an_error_not_a_result(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    with pytest.raises(Diverged, match=r"nan|inf"):
        fit(of, of.new_network(), _meter(of), Phase("warmup", Optimisation(optimiser="sgd", lr=1e20), epochs=3))


def test_a_penalty_reaches_the_gradient(tmp_path: Path) -> None:
    class Shrink(Objective):
        def __init__(self, network: nn.Module) -> None:
            self.network = network

        def penalty(self, epoch: float) -> Tensor:
            return 10 * sum(p.square().sum() for p in self.network.parameters())

    of, _ = task(tmp_path)
    plain, shrunk = of.new_network(), of.new_network()
    fit(of, plain, _meter(of), Phase("search", RECIPE_PHASE, label="plain"))
    fit(of, shrunk, _meter(of), Phase("search", RECIPE_PHASE, label="shrunk"), objective=Shrink(shrunk))
    norm = [sum(p.square().sum() for p in n.parameters()).item() for n in (plain, shrunk)]
    assert norm[1] < norm[0]


def test_the_same_parts_give_the_same_initial_network(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    a, b, c = of.new_network(), of.new_network(), of.new_network("other")
    assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())
    assert not torch.equal(a.fc.weight, c.fc.weight)


class TestRecipe:
    def test_schedules(self) -> None:
        assert Optimisation(schedule="cosine").lr_factor(5, 10) == pytest.approx(0.5)
        assert Optimisation(schedule="exponential", gamma=0.9).lr_factor(2.7, 10) == pytest.approx(0.81)
        steps = Optimisation(schedule="steps", gamma=0.5, milestones=[2, 4])
        assert [steps.lr_factor(e, 6) for e in (0, 2, 3.9, 4, 5)] == [1, 0.5, 0.5, 0.25, 0.25]
        assert Optimisation(schedule="constant").lr_factor(9, 10) == 1

    def test_extra_groups_keep_their_own_settings(self) -> None:
        network = nn.Linear(2, 2)
        built = Optimisation(optimiser="adam", lr=0.1, weight_decay=0.3).build(
            network, [{"params": [network.bias], "lr": 0.5, "weight_decay": 0.0}]
        )
        assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in built.param_groups] == [
            (1, 0.1, 0.3),
            (1, 0.5, 0),
        ]

    @pytest.mark.parametrize(
        ("values", "named"),
        [({"epochs": 0, "batch": 2}, "epochs"), ({"epochs": 1, "batch": 1}, "batch"),
         ({"epochs": 1, "batch": 2, "dtype": "fp16"}, "bf16")],
    )  # fmt: skip
    def test_ranges(self, values: dict, named: str) -> None:
        with pytest.raises(ValueError, match=named):
            Recipe(**values)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("lr", 0),
            ("optimiser", "lion"),
            ("schedule", "linear"),
            ("gamma", -1),
            ("lr", math.inf),
            ("weight_decay", math.nan),
            ("gamma", math.nan),
        ],
    )
    def test_optimiser_ranges(self, key: str, value: object) -> None:
        with pytest.raises(ValueError, match=key):
            Optimisation(**{key: value})


def test_only_training_examples_are_augmented(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    seen = {"augment": 0, "preprocess": 0}

    def preprocess(x: Tensor) -> Tensor:
        seen["preprocess"] += len(x)
        return of.preprocess(x)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        seen["augment"] += len(x)
        return of.augment(x, generator)

    spied = replace(of, preprocess=preprocess, augment=augment)
    fit(spied, of.new_network(), _meter(of), Phase("warmup", RECIPE_PHASE, epochs=1))
    assert seen == {"augment": len(of.train), "preprocess": len(of.validation)}


@pytest.mark.parametrize("balanced", [True, False])
def test_a_balanced_task_trains_on_every_class_equally_often(balanced: bool, tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    order = of.train.y.argsort()
    rare = torch.cat([order[of.train.y[order] == 0][:4], order[of.train.y[order] > 0]])
    targets: list[int] = []

    def loss(outputs: Tensor, inputs: Tensor, y: Tensor) -> Tensor:
        targets.extend(y.tolist())
        return of.loss(outputs, inputs, y)

    uneven = replace(of, train=of.train.take(rare), loss=loss, balanced=balanced)
    fit(uneven, of.new_network(), _meter(of), Phase("warmup", RECIPE_PHASE, epochs=1))
    share = len(rare) / 10
    assert abs(targets.count(0) - (share if balanced else 4)) <= 1
