"""The board's memory: limits from it, refusals above it, and whether a network fits."""

from dataclasses import replace

import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from tasks import plan

from suite import SuiteError
from suite.hardware.arena import Arena, largest_beside_head
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.board import board_node, with_board_limits
from suite.space.budget import Budget, Constraint
from suite.space.width_space import WidthSpace

HARDWARE = device("nucleo_g0b1re")  # 144 KiB of RAM, 512 KiB of flash
NETWORK = trace(MobileNetV1(), (3, 96, 96))
COSTS = HARDWARE.exact(NETWORK)


def _board(**memories: int | None):  # type: ignore[no-untyped-def]
    return replace(HARDWARE.device, **memories)


def test_a_network_fits_where_arena_and_file_do() -> None:
    arena = Arena.of(NETWORK)
    assert board_node(HARDWARE.device, NETWORK, COSTS["flash"]) == {
        "fits": True,
        "head": arena.head,
        "scratch": arena.scratch,
        "tail": arena.tail,
        "arena": arena.head + arena.scratch + arena.tail,
        "flash": COSTS["flash"],
        "ram_limit": 144 * 1024,
        "flash_limit": 512 * 1024,
    }


@pytest.mark.parametrize(
    ("memories", "expected"),
    [
        ({"ram_kib": 72}, False),  # as much as the head of 73,728 B, and nothing for the rest of the arena
        ({"flash_kib": 256}, False),
        ({"ram_kib": None}, None),
        ({"ram_kib": None, "flash_kib": None}, None),
        ({"ram_kib": None, "flash_kib": 256}, False),
    ],
)
def test_what_does_not_fit_or_is_unknown(memories: dict[str, int | None], expected: bool | None) -> None:
    assert board_node(_board(**memories), NETWORK, COSTS["flash"])["fits"] is expected


def test_limits_of_the_board_leave_room_for_the_rest_of_the_arena() -> None:
    budget = with_board_limits(Budget(), HARDWARE.device, 30_000)
    assert budget.targets == {"ram": 144 * 1024 - 30_000, "flash": 512 * 1024}
    assert budget.label == "ram board + flash board"


CASES = {
    "resnet8": (ResNet8, (3, 32, 32)),
    "ds_cnn": (DsCnn, (1, 49, 10)),
    "mobilenet": (MobileNetV1, (3, 96, 96)),
    "digits": (lambda: ResNet8(1, 10, 16), (1, 8, 8)),
}


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 10**6))
def test_no_thinner_network_has_more_beside_its_head_than_is_kept_free(name: str, seed: int) -> None:
    build, shape = CASES[name]
    space = WidthSpace(trace(build(), shape), HARDWARE)
    widths = space.sample(torch.Generator().manual_seed(seed), Budget())
    arena = Arena.of(trace(space.thin(build(), widths), shape))
    assert arena.scratch + arena.tail <= largest_beside_head(space.network)


@pytest.mark.parametrize("name", ["digits", "keyword_spotting"])
def test_no_selection_of_branches_has_more_beside_its_head_than_is_kept_free(name: str) -> None:
    made = plan(f"benchmark={name}", "space=choices")
    assert made.task.choices is not None
    graph, rng = made.task.choices.supernet_graph, torch.Generator().manual_seed(0)
    kept = largest_beside_head(graph.network, graph.branch_of)
    for _ in range(50):
        draws = torch.rand(len(graph.positions), generator=rng).tolist()
        selection = tuple(int(u * len(p.branches)) for u, p in zip(draws, graph.positions, strict=True))
        arena = Arena.of(graph.select(selection))
        assert arena.scratch + arena.tail <= kept


def test_too_little_memory_for_the_rest_of_the_arena_is_refused() -> None:
    with pytest.raises(SuiteError, match=r"device.ram_kib=7 of nucleo_l4r5zi: up to [\d,]+ B are kept"):
        plan("budget.board=true", "device.ram_kib=7")


def test_a_lower_limit_of_ones_own_stays() -> None:
    own = Budget((Constraint("ram", 10_000.0, "10000B"), Constraint("flash", 1e6, "1MB")))
    assert with_board_limits(own, HARDWARE.device, 30_000).targets == {"ram": 10_000, "flash": 512 * 1024}


def test_a_board_without_memory_figures_sets_no_limits() -> None:
    with pytest.raises(SuiteError, match=r"memory of the board unknown, device.flash_kib of nucleo_g0b1re not given"):
        with_board_limits(Budget(), _board(flash_kib=None), 0)


def test_a_run_takes_its_limits_from_the_board() -> None:
    made = plan("budget.board=true", "device=nucleo_g0b1re", "budget.weights=50%")
    assert made.budget.label == "weights 50% + ram board + flash board"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.ram=145kB", r"budget.ram=145kB \(148,480 B\) is more than the board of nucleo_g0b1re has \(144 KiB\)"),
        ("budget.flash=1MB", r"budget.flash=1MB .* \(512 KiB\)"),
    ],
)
def test_more_than_the_board_has_is_refused(override: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        plan("device=nucleo_g0b1re", override)
