"""The guarantee: over random budgets the result always fits exactly, and after refill nothing more would."""

import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import SHAPE, networks
from torch import nn

from suite import SuiteError
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.budget import Budget, Constraint
from suite.space.groups import count_open
from suite.space.importance import channel_importance
from suite.space.projection import check_projection, project
from suite.space.width_space import WidthSpace

RESNET8 = trace(ResNet8(), (3, 32, 32))
SPACES = [WidthSpace(RESNET8, device(name)) for name in ("gap8", "nucleo_l4r5zi")]
NARROW = [WidthSpace(trace(ResNet8(width=4), (3, 32, 32)), device(name)) for name in ("gap8", "nucleo_l4r5zi")]


@st.composite
def budgets(draw: st.DrawFn, space: WidthSpace) -> Budget:
    """One to three limits, each a share of the reference network's cost, reachable or not."""
    metrics = draw(st.lists(st.sampled_from(list(space.hardware.units)), min_size=1, max_size=3, unique=True))
    shares = [draw(st.floats(0.0005, 1.2)) for _ in metrics]
    return Budget(
        tuple(Constraint(m, s * space.reference_costs[m], f"{s:.2%}") for m, s in zip(metrics, shares, strict=True))
    )


# Widths after refill from all channels, where channel i of n has the importance i * 37 mod n + 1. They are those of the
# projection at 812dd72, which evaluated exact costs for each channel that it considered: recorded runs keep their
# meaning.
GOLDEN_WIDTHS = [
    (MobileNetV1, "nucleo_l4r5zi", {"weights": 0.25, "latency": 0.5},
     [3, 5, 12, 21, 24, 43, 44, 74, 66, 68, 68, 66, 72, 69, 153, 2]),
    (DsCnn, "gap8", {"latency": 0.25}, [1, 16, 20, 20, 20, 64, 12]),
    (DsCnn, "nucleo_l4r5zi", {"ram": 0.5, "weights": 0.25}, [1, 30, 31, 32, 17, 29, 12]),
    (ResNet8, "gap8", {"weights": 0.25, "latency": 0.5}, [3, 11, 12, 22, 18, 21, 33, 10]),
    (ResNet8, "nucleo_l4r5zi", {"energy": 0.3, "macs": 0.4}, [3, 5, 10, 21, 17, 36, 42, 10]),
]  # fmt: skip
SHAPES = {MobileNetV1: (3, 96, 96), DsCnn: (1, 49, 10), ResNet8: (3, 32, 32)}


@pytest.mark.parametrize(("network", "board", "shares", "widths"), GOLDEN_WIDTHS)
def test_on_monotone_devices_widths_are_those_of_recorded_runs(
    network: type[nn.Module], board: str, shares: dict[str, float], widths: list[int]
) -> None:
    space = WidthSpace(trace(network(), SHAPES[network]), device(board))
    budget = Budget(tuple(Constraint(m, s * space.reference_costs[m], f"{s:%}") for m, s in shares.items()))
    importance = [(torch.arange(n) * 37 % n).double() + 1 for n in space.full]
    projected = project(space, budget, space.groups.open_all(), importance, "refill")
    assert count_open(projected.open_channels) == widths


def _random_masks(space: WidthSpace, generator: torch.Generator) -> list[torch.Tensor]:
    share = torch.rand((), generator=generator)
    masks = []
    for size, frozen in zip(space.groups.sizes, space.groups.frozen, strict=True):
        mask = torch.rand(size, generator=generator) < share
        mask[-1] = True
        masks.append(torch.ones(size, dtype=torch.bool) if frozen else mask)
    return masks


def _refill_leaves_no_room(space: WidthSpace, budget: Budget, widths: list[int]) -> bool:
    for group in space.free:
        if widths[group] < space.groups.sizes[group]:
            larger = [w + (g == group) for g, w in enumerate(widths)]
            if budget.fits(space.exact(larger)):
                return False
    return True


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_result_fits_exactly_or_the_budget_is_refused_with_the_minimum(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(NARROW))
    budget = data.draw(budgets(space))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9999)))
    if space.find_fitting(budget) is None:
        with pytest.raises(SuiteError) as refused:
            space.check_reachable(budget)
        lowest = {c.metric: space.exact(space.find_smallest(c.metric))[c.metric] for c in budget}
        alone = [f"({cost:.6g})" in str(refused.value) for cost in lowest.values()]
        assert any(alone) or "meets all limits together" in str(refused.value)
        return
    space.check_reachable(budget)
    importance = [torch.rand(n, generator=generator) for n in space.groups.sizes]
    open_channels = project(space, budget, _random_masks(space, generator), importance, "refill").open_channels
    widths = count_open(open_channels)
    assert min(widths) >= 1
    assert all(w == n for w, n, f in zip(widths, space.full, space.groups.frozen, strict=True) if f)
    assert budget.fits(space.exact(widths))
    assert _refill_leaves_no_room(space, budget, widths)


@settings(max_examples=25, deadline=None)
@given(network=networks(), share=st.floats(0.3, 0.9), metric=st.sampled_from(["weights", "macs", "latency", "ram"]))
def test_the_exported_network_itself_fits(network: nn.Module, share: float, metric: str) -> None:
    space = WidthSpace(trace(network, SHAPE), device("gap8"))
    budget = Budget((Constraint(metric, share * space.reference_costs[metric], "share"),))
    if not budget.fits(space.exact(space.smallest)):
        return
    importance = channel_importance(network, space.network, space.groups)
    open_channels = project(space, budget, space.groups.open_all(), importance, "repair").open_channels
    thinned = space.thin(network, count_open(open_channels))
    assert budget.fits(space.hardware.measure(thinned, SHAPE))


def test_none_changes_nothing() -> None:
    space = SPACES[0]
    masks = _random_masks(space, torch.Generator().manual_seed(0))
    budget = Budget((Constraint("weights", 100.0, "100"),))
    open_channels = project(space, budget, masks, [m.float() for m in masks], "none").open_channels
    assert all(torch.equal(a, b) for a, b in zip(open_channels, masks, strict=True))


def test_repair_only_removes_and_removes_the_unimportant_first() -> None:
    space = SPACES[1]
    importance = [torch.arange(n, dtype=torch.float64) + 1 for n in space.groups.sizes]
    budget = Budget((Constraint("weights", 0.4 * space.reference_costs["weights"], "40%"),))
    open_channels = project(space, budget, space.groups.open_all(), importance, "repair").open_channels
    for group, mask in enumerate(open_channels):
        closed = torch.nonzero(~mask).flatten().tolist()
        assert closed == list(range(len(closed))), f"group {group} lost others than its least important channels"


def test_repair_on_gap8_removes_whole_quads_where_only_they_help() -> None:
    space = SPACES[0]
    budget = Budget((Constraint("latency", 0.999 * space.reference_costs["latency"], "99.9%"),))
    open_channels = project(
        space, budget, space.groups.open_all(), [m.double() for m in space.groups.open_all()], "repair"
    ).open_channels
    before = space.exact(space.full)["latency"]
    after = space.exact(count_open(open_channels))["latency"]
    assert after < before
    assert budget.fits(space.exact(count_open(open_channels)))


def test_repair_on_gap8_removes_no_more_than_the_last_quad() -> None:
    """Linear layers take outputs in fours and inputs in twos: 29 features are no faster than 30, 28 are."""
    space = WidthSpace(trace(nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4)), (8,)), device("gap8"))
    mask = [torch.arange(n) < (n if f else 30) for n, f in zip(space.full, space.groups.frozen, strict=True)]
    limit = Constraint("latency", 0.999 * space.exact(count_open(mask))["latency"], "a little less")
    even = [torch.ones(n, dtype=torch.float64) for n in space.full]
    repaired = count_open(project(space, Budget((limit,)), mask, even, "repair").open_channels)
    assert [repaired[group] for group in space.free] == [28]


def test_no_group_is_starved() -> None:
    """Squared gate gradients once left one channel in the middle and all in the last layer."""
    space = SPACES[1]
    importance = [torch.ones(n, dtype=torch.float64) for n in space.groups.sizes]
    budget = Budget((Constraint("weights", 0.25 * space.reference_costs["weights"], "25%"),))
    open_channels = project(space, budget, space.groups.open_all(), importance, "refill").open_channels
    shares = [int(m.sum()) / len(m) for i, m in enumerate(open_channels) if i in space.free]
    assert min(shares) > 0.1


def test_importance_prefers_large_weights_and_sees_batch_norm() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(3, 2),
    )  # fmt: skip
    nn.init.ones_(network[0].weight)
    nn.init.ones_(network[5].weight)
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([2.0, 0.1, 1.0]))
    layers = trace(network, (1, 5, 5))
    space = WidthSpace(layers, device("gap8"))
    values = channel_importance(network, layers, space.groups)[space.groups.of["0"]]
    assert values[0] > values[2] > values[1]


def test_several_channels_are_given_back_where_one_more_needs_more_ram_than_there_is() -> None:
    """The seventh group has room for two more channels, though not for one: the plan packs 16 + 2 of them better."""
    space = NARROW[0]
    masks = [torch.arange(n) < w for n, w in zip(space.full, (3, 1, 2, 5, 3, 16, 14, 10), strict=True)]
    widths = count_open(masks)
    budget = Budget((Constraint("ram", space.ram(widths), "what it needs"),))
    even = [torch.ones(n, dtype=torch.float64) for n in space.full]
    one_more = [w + (g == 6) for g, w in enumerate(widths)]
    assert not budget.fits(space.exact(one_more))
    refilled = count_open(project(space, budget, masks, even, "refill").open_channels)
    assert refilled[6] == widths[6] + 2


def test_an_unknown_projection_is_refused_with_the_choices() -> None:
    for known in ("none", "repair", "refill"):
        check_projection(known)
    with pytest.raises(ValueError, match=r"method\.projection=fill: choices are none, repair, refill"):
        check_projection("fill")
