"""What a converged training adds to the loop: smoothed labels, averaged weights, small images, images in turns."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tasks import task
from torch import Tensor, nn

from suite.task.evaluation import mean_loss
from suite.task.meter import Meter
from suite.task.objective import Objective
from suite.task.optimisation import Optimisation
from suite.task.reference_training import strength_loss
from suite.task.task import Task
from suite.task.training import Phase, fit
from suite.task.training_inputs import TrainingInputs

FULL = Optimisation(lr=2e-3, lr_warmup=0.2, label_smoothing=0.1, averaging=0.2, sizes=[4, 8], decay_norms=False)


def _meter(of: Task) -> Meter:
    return Meter(of.standard_macs)


def test_recorded_losses_are_of_labels_that_are_not_smoothed(tmp_path: Path) -> None:
    """With a rate of nearly 0 nothing moves, so that both trainings have the same losses."""
    rows = {}
    for smoothing in (None, 0.5):
        of, _ = task(tmp_path / str(smoothing))
        settings = Optimisation(lr=1e-30, label_smoothing=smoothing)
        rows[smoothing] = fit(of, of.new_network(), _meter(of), Phase("warmup", settings, 1)).rows
    assert rows[0.5][0]["loss"] == pytest.approx(rows[None][0]["loss"], rel=1e-6)


def test_smoothed_labels_are_what_is_minimised(tmp_path: Path) -> None:
    """One step of plain gradient descent, against torch's own smoothed loss."""
    of, _ = task(tmp_path)
    count = 16
    of = replace(of, train=of.train.take(torch.arange(count)), recipe=replace(of.recipe, batch=count))
    settings = Optimisation("sgd", lr=0.5, schedule="constant", label_smoothing=0.3)
    trained, expected = nn.Linear(4, 10), nn.Linear(4, 10)
    expected.load_state_dict(trained.state_dict())

    def network(inner: nn.Linear) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), inner)

    fit(replace(of, augment=lambda x, _: of.preprocess(x)), network(trained), _meter(of), Phase("warmup", settings, 1))
    outputs = network(expected)(of.preprocess(of.train.x))
    F.cross_entropy(outputs, of.train.y, label_smoothing=0.3).backward()
    assert expected.weight.grad is not None
    assert torch.allclose(trained.weight, expected.weight - 0.5 * expected.weight.grad, atol=1e-6)


class _Watch(Objective):
    """Keeps the raw weights of each epoch; it never lets an epoch be the best but the last."""

    def __init__(self, network: nn.Module, last: int) -> None:
        self.network, self.last = network, last
        self.raw: list[dict[str, Tensor]] = []

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        self.raw.append(copy.deepcopy(self.network.state_dict()))
        return (0.0,) if epoch == self.last else None


def test_the_result_is_the_moving_average_of_weights_and_statistics(tmp_path: Path) -> None:
    """One step an epoch, so that the average can be recomputed from the weights at the ends of epochs."""
    of, _ = task(tmp_path)
    of = replace(of, recipe=replace(of.recipe, batch=len(of.train)))
    network, epochs, share = of.new_network(), 6, 0.5
    watch = _Watch(network, epochs - 1)
    phase = Phase("warmup", Optimisation(lr=1e-2, averaging=share), epochs)
    fit(of, network, _meter(of), phase, objective=watch)

    decay = 1 - 1 / (share * epochs)
    expected = {k: v.double() for k, v in watch.raw[0].items() if v.is_floating_point()}
    for raw in watch.raw[1:]:
        expected = {k: decay * v + (1 - decay) * raw[k].double() for k, v in expected.items()}
    result = network.state_dict()
    for name, value in expected.items():
        assert torch.allclose(result[name].double(), value, atol=1e-5), name
    assert any("running_mean" in name for name in expected)
    assert not torch.allclose(result["fc.weight"], watch.raw[-1]["fc.weight"])


def test_smaller_images_are_charged_as_such(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    meters = {}
    for sizes in (None, [4, 8]):
        meters[sizes is None] = meter = _meter(of)
        phase = Phase("warmup", Optimisation(lr=2e-3, sizes=sizes), 2, label=f"{sizes}")
        fit(of, of.new_network(), meter, phase)
    share = TrainingInputs(of, of.new_network()).macs_share(4)
    whole, with_smaller = (meters[key].phases["warmup"].macs for key in (True, False))
    assert 0.2 < share < 0.5
    assert with_smaller == pytest.approx(whole * (1 + share) / 2, rel=1e-6)
    assert meters[True].phases["evaluation"].macs == meters[False].phases["evaluation"].macs


def test_the_share_of_macs_is_that_of_the_layers_at_that_size(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    network = of.new_network()
    exact = of.hardware.measure(network, (1, 4, 4))["macs"] / of.hardware.measure(network, (1, 8, 8))["macs"]
    assert TrainingInputs(of, network).macs_share(4) == pytest.approx(exact)
    assert TrainingInputs(of, network).macs_share(None) == 1


@pytest.mark.parametrize("killed_in", [1, 3])
def test_a_killed_training_with_all_of_it_continues_to_the_same_bits(tmp_path: Path, killed_in: int) -> None:
    states = []
    for kill in (False, True):
        of, _ = task(tmp_path / str(kill))
        network = of.new_network()
        if kill:
            with pytest.raises(KeyboardInterrupt):
                fit(of, of.new_network(), _meter(of), Phase("warmup", FULL, 4), objective=_KillAt(killed_in))
        fit(of, network, _meter(of), Phase("warmup", FULL, 4))
        states.append(network.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


class _KillAt(Objective):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def row(self, epoch: int) -> dict[str, float]:
        if epoch == self.epoch:
            raise KeyboardInterrupt
        return {}


def test_images_are_mirrored_in_every_other_epoch(tmp_path: Path) -> None:
    of, _ = task(tmp_path, "recipe.augmentation={rotate: 0, shift: 0, flip: alternate, zoom: 0}")
    assert of.mirrors_in_turns
    inputs, index = TrainingInputs(of, of.new_network()), torch.arange(50)
    epochs = [inputs("train", index, epoch, torch.Generator().manual_seed(epoch)) for epoch in range(4)]
    plain = of.preprocess(of.train.x[index])
    mirrored = torch.stack([(x != plain).flatten(1).any(1) for x in epochs])

    assert torch.equal(epochs[0], epochs[2])
    assert torch.equal(epochs[1], epochs[3])
    assert torch.equal(mirrored[0], ~mirrored[1])
    assert 10 < int(mirrored[0].sum()) < 40
    assert torch.equal(torch.where(mirrored[0][:, None, None, None], plain.flip(-1), plain), epochs[0])


def test_without_turns_nothing_is_mirrored_by_the_loop(tmp_path: Path) -> None:
    of, _ = task(tmp_path, "recipe.augmentation={rotate: 0, shift: 0, flip: false, zoom: 0}")
    x = TrainingInputs(of, of.new_network())("train", torch.arange(9), 1, torch.Generator())
    assert torch.equal(x, of.preprocess(of.train.x[:9]))


def test_the_mean_loss_is_over_examples_as_they_are(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    network, meter = of.new_network(), _meter(of)
    loss = mean_loss(of, network, of.train, meter, 1000.0)
    network.eval()
    with torch.no_grad():
        expected = float(F.cross_entropy(network(of.preprocess(of.train.x)), of.train.y))
    assert loss == pytest.approx(expected, rel=1e-5)
    assert meter.phases["evaluation"].macs == 1000 * len(of.train)
    assert meter.phases["evaluation"].evaluation_samples == len(of.train)


@pytest.mark.parametrize("choice", [None, "training", "plain"])
def test_the_recipe_says_which_loss_sets_the_strengths(choice: str | None, tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    of = replace(of, recipe=replace(of.recipe, strength_loss=choice))
    network = of.new_network()
    loss = strength_loss(of, network, 7.0, _meter(of), 1000.0)
    assert loss == (pytest.approx(mean_loss(of, network, of.train, _meter(of), 1000.0)) if choice == "plain" else 7.0)


class _NoWaiting(Objective):
    """From the second step to the last one of an epoch, a copy that waits for the GPU is an error."""

    def __init__(self, steps: int) -> None:
        self.steps, self.seen = steps, 0

    def penalty(self, epoch: float) -> Tensor | None:
        self.seen += 1
        torch.cuda.set_sync_debug_mode("default" if self.seen % self.steps == 0 else "error")
        return None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("flip", ["true", "alternate"])
def test_a_step_on_a_gpu_waits_for_nothing(flip: str, tmp_path: Path) -> None:
    of, _ = task(tmp_path, "compute=cuda", f"recipe.augmentation={{rotate: 0, shift: 0.1, flip: {flip}, zoom: 0}}")
    no_waiting = _NoWaiting(-(-len(of.train) // of.recipe.batch))
    assert no_waiting.steps > 2
    try:
        fit(of, of.new_network(), _meter(of), Phase("warmup", FULL, 2), objective=no_waiting)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert no_waiting.seen == 2 * no_waiting.steps
