"""TFLM's greedy memory plan: golden peaks, nothing overlaps, and slopes say which buffers hold the peak up."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from suite.hardware.ram import ALIGNMENT, Buffer, MemoryPlan, activation_buffers, align, peak_bytes, plan_memory
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8


@st.composite
def tensors(draw: st.DrawFn) -> list[Buffer]:
    """Up to a dozen buffers with short lives; few distinct sizes, so that ties are common."""
    sizes = st.sampled_from([1, 16, 40, 64, 64, 96, 128, 200, 512])
    lives = st.tuples(st.integers(0, 8), st.integers(0, 3))
    drawn = draw(st.lists(st.tuples(sizes, lives), min_size=1, max_size=12))
    return [Buffer(size, first, first + length) for size, (first, length) in drawn]


def _live_together(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def _shape(plan: MemoryPlan) -> tuple[object, ...]:
    return plan.order, plan.supports, plan.tops


def _chain(sizes: list[int]) -> list[Buffer]:
    """Buffers of a plain chain of layers: each lives with the one before and the one after it."""
    return [Buffer(size, i, i + 1) for i, size in enumerate(sizes)]


def test_resnet8_needs_three_maps() -> None:
    """49,152 B: as tflite-micro reports for pretrainedResnet_quant.tflite of mlcommons/tiny (1afd2c9)."""
    assert peak_bytes(activation_buffers(trace(ResNet8(), (3, 32, 32)))) == 3 * 16 * 32 * 32 == 49_152


def test_chain_of_depthwise_blocks_fragments() -> None:
    """First blocks of vww_96_int8.tflite: 55,296 B are live at once, tflite-micro and the plan need 73,728 B."""
    sizes = [27_648, 18_432, 18_432, 36_864, 9_216, 18_432, 18_432, 18_432]
    assert peak_bytes(_chain(sizes)) == 73_728
    assert max(a + b for a, b in pairwise(sizes)) == 55_296


def test_a_smaller_network_can_need_more() -> None:
    assert peak_bytes(_chain([128, 96, 64, 64])) == 224
    assert peak_bytes(_chain([112, 96, 64, 64])) == 272


def test_sizes_are_rounded_up_to_16_bytes() -> None:
    assert peak_bytes([Buffer(1, 0, 1), Buffer(17, 1, 1)]) == 48


def test_tensors_that_never_live_together_share_an_address() -> None:
    assert peak_bytes([Buffer(64, 0, 1), Buffer(64, 2, 3), Buffer(32, 1, 2)]) == 96


@given(buffers=tensors())
def test_what_lives_together_never_overlaps(buffers: list[Buffer]) -> None:
    plan = plan_memory(buffers)
    ends = [offset + align(b.size) for offset, b in zip(plan.offsets, buffers, strict=True)]
    assert max(ends) == plan.peak == peak_bytes(buffers)
    for i, a in enumerate(buffers):
        for j, b in enumerate(buffers[:i]):
            if _live_together(a, b):
                assert plan.offsets[i] >= ends[j] or plan.offsets[j] >= ends[i]


@given(buffers=tensors())
def test_each_buffer_lies_at_zero_or_on_one_that_lives_with_it(buffers: list[Buffer]) -> None:
    plan = plan_memory(buffers)
    for i, below in enumerate(plan.supports):
        assert bool(below) == (plan.offsets[i] > 0)
        for j in below:
            assert plan.offsets[j] + align(buffers[j].size) == plan.offsets[i]
            assert _live_together(buffers[i], buffers[j])


@given(buffers=tensors())
def test_slopes_are_shares_and_account_for_the_whole_peak(buffers: list[Buffer]) -> None:
    plan = plan_memory(buffers)
    assert all(-1e-12 <= slope <= 1 + 1e-12 for slope in plan.slopes)
    held = sum(slope * align(b.size) for slope, b in zip(plan.slopes, buffers, strict=True))
    assert held == pytest.approx(plan.peak)


@settings(max_examples=300)
@given(buffers=tensors(), data=st.data())
def test_while_the_plan_keeps_its_shape_the_peak_follows_the_slopes(buffers: list[Buffer], data: st.DataObject) -> None:
    plan = plan_memory(buffers)
    grown = data.draw(st.integers(0, len(buffers) - 1))
    by = ALIGNMENT * data.draw(st.integers(-2, 4))
    size = align(buffers[grown].size) + by
    assume(size > 0)
    changed = plan_memory([replace(b, size=size) if i == grown else b for i, b in enumerate(buffers)])
    assume(_shape(changed) == _shape(plan))
    assert changed.peak - plan.peak == pytest.approx(plan.slopes[grown] * by)


def test_a_pile_by_hand() -> None:
    """64 at 0; 48 lives with it, on top; 32 lives with 48 alone and fits below it."""
    plan = plan_memory([Buffer(64, 0, 1), Buffer(48, 1, 2), Buffer(32, 2, 3)])
    assert plan.offsets == (0, 64, 0)
    assert plan.supports == ((), (0,), ())
    assert plan.slopes == (1.0, 1.0, 0.0)


def test_two_piles_share() -> None:
    """Neither of the later pairs alone can lower the peak; what both stand on can."""
    plan = plan_memory([Buffer(64, 0, 5), Buffer(32, 1, 2), Buffer(32, 3, 4)])
    assert plan.peak == 96
    assert plan.slopes == (1.0, 0.5, 0.5)


def test_no_buffers_need_nothing() -> None:
    assert plan_memory([]).peak == 0


def test_a_mean_needs_sums_of_32_bits_and_two_lists_of_axes() -> None:
    """176 and 608 B: as tflite-micro (0.dev20261023182759) reports for these networks, converted to int8."""
    for channels, expected in ((16, 176), (64, 608)):
        network = nn.Sequential(
            nn.Conv2d(2, channels, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2)
        )
        assert peak_bytes(activation_buffers(trace(network, (2, 2, 2)))) == expected
