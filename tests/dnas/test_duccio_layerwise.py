"""The layer-wise refinement: levels are chosen, reached and held; what it trains is charged and survives a kill."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import shaped_networks
from tasks import plan, task
from torch import nn

from suite.dnas.duccio import Duccio
from suite.dnas.duccio_layerwise import DuccioLayerwise
from suite.dnas.layer_targets import LayerSpace, LayerTargets, count_layers_over
from suite.dnas.penalty import PenaltyRule
from suite.engine.harness import execute
from suite.hardware.trace import trace
from suite.models.mobilenet_v1 import MobileNetV1
from suite.records.store import Store
from suite.space.budget import Budget, Constraint
from suite.space.groups import count_open
from suite.space.projection import project
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import SearchResult, Task

BUDGET = ("budget.weights=50%", "budget.ram=80%")
LEVELS = (3000, 9000)
TOLERANCE = 0.6
STRONG = PenaltyRule(schedule="constant", strength=10)
FAST = ("recipe.mask_lr=0.1", "recipe.epochs=5")


def _refined(folder: Path, *overrides: str, **options: Any) -> tuple[Task, Budget, SearchResult, Meter]:
    of, made = task(folder, *overrides)
    meter = Meter(of.standard_macs)
    method = DuccioLayerwise(**{"levels": LEVELS, "tolerance": TOLERANCE} | options)
    return of, made.budget, method.search(of, made.budget, meter), meter


def _space(of: Task, network: nn.Module) -> LayerSpace:
    return LayerSpace(trace(network, of.input_shape), of.hardware)


def _rows(result: SearchResult, label: str) -> list[Mapping[str, Any]]:
    return [row for row in result.history if row["label"] == label]


class TestLayerTargets:
    """Which layers are thinned to which level."""

    @staticmethod
    def _mobilenet() -> LayerSpace:
        return LayerSpace(trace(MobileNetV1(), (3, 96, 96)), device("gap8"))

    def test_mobilenet_at_the_default_tolerance(self) -> None:
        layer_targets = LayerTargets.of(self._mobilenet(), [44_000, 400_000], 0.3)
        near = ["memory/stem", "memory/blocks.0.pointwise", "memory/blocks.1.depthwise"]
        assert layer_targets == LayerTargets(dict.fromkeys(near, 44_000.0))

    def test_a_larger_tolerance_takes_the_last_layer_in(self) -> None:
        layer_targets = LayerTargets.of(self._mobilenet(), [44_000, 400_000], 0.6)
        assert list(layer_targets.targets)[-1] == "memory/blocks.12.pointwise"
        assert len(layer_targets.targets) == 4

    def test_a_layer_whose_input_alone_is_too_wide_is_left_alone(self) -> None:
        layer_targets = LayerTargets.of(self._mobilenet(), [24_000], 1.0)  # the input has 27,648 bytes
        assert layer_targets.out_of_reach == ("stem",)
        assert "memory/stem" not in layer_targets.targets
        assert "memory/blocks.1.depthwise" in layer_targets.targets

    def test_layers_are_counted_by_level(self) -> None:
        space = self._mobilenet()
        assert count_layers_over(space.reference_costs, [44_000, 400_000]) == {
            "layers_over/44000": 4,
            "layers_over/400000": 0,
        }

    @settings(max_examples=40)
    @given(example=shaped_networks(), share=st.floats(0.1, 0.95), tolerance=st.floats(0, 4), seed=st.integers(0, 999))
    def test_all_targets_can_be_met_together_and_with_a_budget(
        self, example: tuple[nn.Module, tuple[int, ...]], share: float, tolerance: float, seed: int
    ) -> None:
        """Also with RAM, whose plan may get worse as layers are thinned."""
        network, shape = example
        space = LayerSpace(trace(network, shape), device("gap8"))
        largest = max(space.layer_bytes(space.full).values())
        layer_targets = LayerTargets.of(space, [0.3 * largest, share * largest], tolerance)
        least = space.exact(space.smallest)
        ram = least["ram"] + share * max(space.reference_costs["ram"] - least["ram"], 0)
        budget = layer_targets.add_to(Budget((Constraint("ram", ram, "some"),)))
        importance = [torch.rand(n, generator=torch.Generator().manual_seed(seed)) for n in space.full]
        open_channels = project(space, budget, space.groups.open_all(), importance, "repair").open_channels
        costs = space.exact(count_open(open_channels))
        assert costs["ram"] <= ram
        assert all(costs[metric] <= target for metric, target in layer_targets.targets.items())


def test_levels_are_met_and_the_budget_still_holds(tmp_path: Path) -> None:
    of, budget, result, _ = _refined(tmp_path, *BUDGET)
    network = result.candidates[0].network
    assert budget.fits(of.hardware.measure(network, of.input_shape))
    thinned = [c.removeprefix("memory/") for c in _rows(result, "refine")[0] if c.startswith("memory/")]
    assert thinned, "the setting must give the refinement something to do"
    before, after = _rows(result, "finetune")[-1], _rows(result, "refine-finetune")[-1]
    sizes = _space(of, network).reference_costs
    for name in thinned:
        size = _rows(result, "refine")[0][f"memory/{name}"]
        level = next(x for x in LEVELS if size < x * (1 + TOLERANCE))
        assert sizes[f"memory/{name}"] <= level
    for level in LEVELS:
        assert after[f"layers_over/{level}"] < before[f"layers_over/{level}"]
        assert after[f"layers_over/{level}"] == count_layers_over(sizes, LEVELS)[f"layers_over/{level}"]


def test_the_refinement_starts_from_duccios_network_and_only_shrinks_it(tmp_path: Path) -> None:
    of, made = task(tmp_path / "duccio", *BUDGET)
    duccio = Duccio(projection="refill").search(of, made.budget, Meter(of.standard_macs))
    before = _space(of, duccio.candidates[0].network)
    of, _, result, _ = _refined(tmp_path / "refined", *BUDGET)
    refined = _space(of, result.candidates[0].network)
    assert all(a <= b for a, b in zip(refined.full, before.full, strict=True))
    assert refined.full != before.full
    assert count_layers_over(before.reference_costs, LEVELS).items() <= _rows(result, "finetune")[-1].items()
    assert [row["score"] for row in result.history][: len(duccio.history)] == [r["score"] for r in duccio.history]
    assert result.search_costs == duccio.search_costs


def test_the_penalty_alone_reaches_the_levels(tmp_path: Path) -> None:
    of, _, result, _ = _refined(tmp_path, *FAST, levels=[4000], tolerance=0.2, penalty=STRONG, projection="none")
    rows = _rows(result, "refine")
    assert rows[-1]["layers_over/4000"] < _rows(result, "warm-up")[-1]["layers_over/4000"]
    # both maps of the first block, with their weights: 4,352 bytes
    assert all(rows[-1][f"memory/block1.conv{i}"] <= 4000 for i in (1, 2))
    assert "memory/block3.conv2" not in rows[-1]
    sizes = _space(of, result.candidates[0].network).reference_costs
    assert all(sizes[f"memory/block1.conv{i}"] <= 4000 for i in (1, 2))


def test_strengths_are_those_of_eq_13_layer_by_layer(tmp_path: Path) -> None:
    rule = PenaltyRule(schedule="constant", strength={"weights": 3, "layers": 2})
    of, _, result, _ = _refined(tmp_path, penalty=rule)
    loss = _rows(result, "warm-up")[-1]["loss"]
    excess = LayerSpace(of.space.network, of.hardware).reference_costs["memory/block1.conv1"] - 3000
    assert _rows(result, "refine")[0]["strength/memory/block1.conv1"] == pytest.approx(2 * loss / excess)


def test_an_empty_budget_refines_the_trained_reference_network(tmp_path: Path) -> None:
    _, _, result, meter = _refined(tmp_path)
    assert {row["label"] for row in result.history} == {"warm-up", "refine", "refine-finetune"}
    assert result.search_costs is None
    assert _rows(result, "refine-finetune")[-1]["layers_over/3000"] < _rows(result, "warm-up")[-1]["layers_over/3000"]
    assert meter.report()["standard_trainings"]["warmup"] == pytest.approx(1)


def test_where_no_layer_is_near_a_level_duccios_network_is_returned(tmp_path: Path) -> None:
    of, made = task(tmp_path / "duccio", *BUDGET)
    duccio = Duccio(projection="refill").search(of, made.budget, Meter(of.standard_macs))
    _, _, result, _ = _refined(tmp_path / "refined", *BUDGET, levels=[44_000, 400_000])
    expected, returned = (r.candidates[0].network.state_dict() for r in (duccio, result))
    assert all(torch.equal(expected[key], returned[key]) for key in expected)
    assert len(result.history) == len(duccio.history)
    assert _rows(result, "finetune")[-1]["layers_over/44000"] == 0


def test_layers_out_of_reach_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # the stem's input alone has 64 bytes, so that its smallest size is 64 + 64 + 9
    _, _, result, _ = _refined(tmp_path, levels=[130], tolerance=9)
    assert _rows(result, "warm-up")[-1]["layers_out_of_reach"].split(", ")[0] == "stem"
    assert "stem" in caplog.text


def test_phases_are_charged_as_in_a_search(tmp_path: Path) -> None:
    _, _, _, first = _refined(tmp_path / "a", *BUDGET, levels=[44_000])
    _, _, result, both = _refined(tmp_path / "b", *BUDGET)
    assert [row["phase"] for row in _rows(result, "refine") + _rows(result, "refine-finetune")] == (
        ["search"] * 2 + ["finetune"] * 2
    )
    assert both.phases["warmup"].macs == first.phases["warmup"].macs
    for phase in ("search", "finetune", "evaluation"):
        assert both.phases[phase].macs > first.phases[phase].macs
    assert both.total().networks == first.total().networks + 2


class _Killed(BaseException):
    """As SIGKILL, from within."""


class _KillIn(Progress):
    """Dies in the second epoch of one training."""

    def __init__(self, label: str) -> None:
        self.label, self.now = label, ""

    def begin(self, label: str, epochs: int) -> None:
        self.now = label

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        if self.now == self.label and done == 2:
            raise _Killed


# closes channels, so that there is compaction
CLOSING = DuccioLayerwise(penalty=STRONG, levels=LEVELS, tolerance=TOLERANCE)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchResult, Meter]:
    of, made = task(tmp_path_factory.mktemp("whole"), *BUDGET, *FAST)
    meter = Meter(of.standard_macs)
    return CLOSING.search(of, made.budget, meter), meter


@pytest.mark.parametrize("label", ["finetune", "refine", "refine-finetune"])
def test_a_killed_run_continues_to_the_same_bits(
    label: str, uninterrupted: tuple[SearchResult, Meter], tmp_path: Path
) -> None:
    method = CLOSING
    expected, meter = uninterrupted
    of, made = task(tmp_path, *BUDGET, *FAST)
    with pytest.raises(_Killed):
        method.search(replace(of, progress=_KillIn(label)), made.budget, Meter(of.standard_macs))
    again = Meter(of.standard_macs)
    result = method.search(of, made.budget, again)

    pd.testing.assert_frame_equal(pd.DataFrame(result.history), pd.DataFrame(expected.history), check_exact=True)
    first, second = (r.candidates[0].network.state_dict() for r in (expected, result))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert again.report()["standard_trainings"] == meter.report()["standard_trainings"]


def test_a_record_holds_the_counts(tmp_path: Path) -> None:
    options = ("method=duccio_layerwise", f"method.levels={list(LEVELS)}", f"method.tolerance={TOLERANCE}")
    made = plan(*options, *BUDGET)
    store = Store(tmp_path, "test")
    record = execute(made, store, Progress())
    assert record.status == "done", record.error
    assert record.feasible
    assert (record.method, record.variant) == ("duccio_layerwise", {"levels": list(LEVELS), "tolerance": TOLERANCE})
    history = pd.read_parquet(store.run_folder(made.id) / "history.parquet")
    counts = history.dropna(subset="layers_over/3000").groupby("label", sort=False)["layers_over/3000"].last()
    assert list(counts.index) == ["finetune", "refine", "refine-finetune"]
    assert counts["refine-finetune"] < counts["finetune"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"levels": []}, r"method\.levels"),
        ({"levels": [400, 300]}, r"method\.levels=\[400, 300\].*smallest first"),
        ({"levels": [300, 300]}, r"method\.levels"),
        ({"levels": [0, 300]}, r"method\.levels"),
        ({"levels": ["44kB"]}, r"method\.levels"),
        ({"tolerance": -0.1}, r"method\.tolerance=-0.1"),
        ({"projection": "maybe"}, r"method\.projection=maybe: choices are none, repair, refill"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DuccioLayerwise(**options)
