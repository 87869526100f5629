"""Growing: the widened network computes what the small one does, fits, and costs what it may."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from devices import device
from networks import randomise
from tasks import task
from torch import nn

from baselines.grow import Grow, widen
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter

CASES = [(ResNet8, (3, 32, 32)), (MobileNetV1, (3, 96, 96)), (DsCnn, (1, 49, 10)), (Autoencoder, (640,))]


@pytest.mark.parametrize(("build", "shape"), CASES)
def test_a_widened_network_computes_the_same(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)  # of some draws all outputs of a narrow layer are below 0, and its weights get no gradient
    network = build()
    space = WidthSpace(trace(network, shape), device("gap8"))
    before = tuple(n if f else max(1, n // 3) for n, f in zip(space.full, space.groups.frozen, strict=True))
    after = tuple(n if f else n // 2 for n, f in zip(space.full, space.groups.frozen, strict=True))
    small = randomise(space.thin(network, before))
    wide = randomise(space.thin(network, after))
    grown = widen(wide, small, shape, space, before, after)
    x = torch.randn(3, *shape)
    for dropout in (part for part in (*grown.modules(), *small.modules()) if isinstance(part, nn.Dropout)):
        dropout.p = 0.0
    for mode in (True, False):
        assert torch.allclose(grown.train(mode)(x), small.train(mode)(x), atol=1e-4)
    assert WidthSpace(trace(grown, shape), device("gap8")).full == after
    grown(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in grown.parameters() if p.dim() > 1)


@pytest.mark.parametrize("limit", [None, 1.0])
def test_it_fits_and_costs_at_most_its_limit(limit: float | None, tmp_path: Path) -> None:
    of, plan = task(tmp_path, "budget.weights=30%", "budget.latency=50%", "recipe.epochs=6")
    meter = Meter(of.standard_macs)
    method = Grow(cost_limit=limit)
    result = method.search(of, plan.budget, meter)
    small, final = method.widths(of.space, plan.budget)
    assert small != final
    assert all(a <= b for a, b in zip(small, final, strict=True))
    (candidate,) = result.candidates
    assert plan.budget.fits(of.hardware.measure(candidate.network, of.input_shape))
    phases = [row["phase"] for row in result.history]
    if limit is None:
        assert (phases.count("warmup"), len(phases)) == (7, of.recipe.total_epochs)
    else:
        assert 0.8 < meter.total().macs / of.standard_macs <= 1
        assert phases.count("warmup") > 3


def test_bad_shares_are_named() -> None:
    with pytest.raises(ValueError, match=r"method\.start=1\.5: a share"):
        replace(Grow(), start=1.5)
    with pytest.raises(ValueError, match=r"method\.first=0: a share"):
        replace(Grow(), first=0)
