"""Gate gradients against gates that are put in by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from tasks import task
from torch import nn

from suite.dnas.gates import IMPORTANCES, gate_importance, gate_macs, rank_channels
from suite.space.importance import channel_importance
from suite.task.meter import Meter
from suite.task.task import Task
from suite.task.training import Phase, fit


def _trained(folder: Path):
    of, _ = task(folder, "recipe.epochs=1")
    network = of.new_network()
    meter = Meter(of.standard_macs)
    fit(of, network, meter, Phase("warmup", of.recipe.warmup, 1))
    return of, network


def test_gradients_are_those_of_a_multiplication_behind_batch_norm(tmp_path: Path) -> None:
    of, network = _trained(tmp_path)
    computed = gate_importance(of, network, Meter(of.standard_macs), "x")
    groups = of.space.groups
    norms = {x.inputs[0]: x.name for x in of.space.network.layers if x.kind == "batch_norm"}
    lonely = [g for g in of.space.free if sum(groups.of.get(layer) == g for layer in norms) == 1]
    assert lonely, "a group with one batch norm is needed to put a single gate by hand"
    group = lonely[0]
    (layer,) = (name for name in norms if groups.of.get(name) == group)
    gates = torch.ones(groups.sizes[group], requires_grad=True)
    norm = network.get_submodule(norms[layer])
    handle = norm.register_forward_hook(lambda _, __, out: out * gates.view(1, -1, *[1] * (out.dim() - 2)))
    squares = torch.zeros_like(gates)
    from suite.data.sampling import epoch_order
    from suite.task.evaluation import inputs

    network.train()
    rng = of.rng("x")
    order = epoch_order(of.train.y, rng, balanced=of.balanced)[:1000]
    for index in torch.split(order, of.recipe.batch):
        x = inputs(of, of.train.x[index], rng)
        (gradient,) = torch.autograd.grad(of.loss(network(x), x, of.train.y[index]), gates)
        squares += gradient.square()
    handle.remove()
    assert computed[group].float() == pytest.approx((squares / squares.mean()).detach(), rel=1e-3)


def test_a_thousand_examples_are_passed_or_all_where_there_are_fewer() -> None:
    for examples, passed in ((999, 999), (5000, 1000)):
        assert gate_macs(cast(Task, SimpleNamespace(train=range(examples))), 7.0) == 3 * passed * 7.0


def test_channels_are_ranked_as_asked_for(tmp_path: Path) -> None:
    of, network = _trained(tmp_path)
    ranked = {name: rank_channels(name, of, network, Meter(of.standard_macs), f"{name} ranks") for name in IMPORTANCES}
    expected = {
        "gradient": gate_importance(of, network, Meter(of.standard_macs), "gradient ranks"),
        "magnitude": channel_importance(network, of.space.network, of.space.groups),
        "uniform": [torch.ones(n) for n in of.space.full],
    }
    for name, groups in expected.items():
        for found, group in zip(ranked[name], groups, strict=True):
            torch.testing.assert_close(found.double(), group.double())
    assert not torch.allclose(torch.cat(ranked["gradient"]).double(), torch.cat(ranked["uniform"]).double())


def test_the_network_is_left_as_it_was_and_the_passes_are_charged(tmp_path: Path) -> None:
    of, network = _trained(tmp_path)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    meter = Meter(of.standard_macs)
    importance = gate_importance(of, network, meter, "x")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert meter.phases["search"].macs == pytest.approx(gate_macs(of, of.space.reference_costs["macs"]))
    assert all(not isinstance(part, nn.Dropout) or part.training for part in network.modules())
    for group in of.space.free:
        assert importance[group].mean() == pytest.approx(1.0)
        assert importance[group][-1] > 0, "the channel that a search never closes counts like any other"
