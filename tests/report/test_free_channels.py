"""Free channels: what the recorded table shows, and that its counts are those of the projection."""

import pandas as pd
import pytest
import torch
from checkout import RESULTS, ROOT
from devices import device

from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.report.free_channels import count_channels
from suite.space.budget import Budget, Constraint
from suite.space.channel_state import ChannelState
from suite.space.projection import project
from suite.space.refill import refill_steps
from suite.space.width_space import WidthSpace

SPACE = WidthSpace(trace(DsCnn(), (1, 49, 10)), device("cortex_m4_cmsisnn"))
TABLE = pd.read_csv(RESULTS / "devices" / "free_channels.csv")
COUNTED, MACS = (TABLE[TABLE["latency as"] == name] for name in ("cortex_m4_cmsisnn", "MACs"))


def _limit(metric: str, share: float) -> Constraint:
    return Constraint(metric, share * SPACE.reference_costs[metric], f"{share:.0%}")


def test_counts_are_those_of_the_projection() -> None:
    budget = Budget((_limit("latency", 0.5),))
    counts = count_channels(SPACE, SPACE, budget, 30, 1)
    generator = torch.Generator().manual_seed(1)
    importance = [torch.rand(n, generator=generator, dtype=torch.float64) for n in SPACE.full]
    masks = [torch.rand(n, generator=generator) < 0.3 for n in SPACE.full]
    for mask, frozen in zip(masks, SPACE.groups.frozen, strict=True):
        mask[-1] = True
        mask |= frozen
    projected = project(SPACE, budget, masks, importance, "refill")
    assert counts["free in latency"] == counts["free in all"] == projected.free_channels.total > 0
    opened = sum(int(after.sum() - before.sum()) for after, before in zip(projected.open_channels, masks, strict=True))
    assert counts["given back"] == opened
    assert counts["channels"] == sum(int(projected.open_channels[group].sum()) for group in SPACE.free)
    assert counts["spare"] == 0


@pytest.mark.parametrize(("width", "faster"), [(29, True), (32, False)])
def test_only_channels_that_complete_a_group_of_the_kernels_make_a_network_faster(width: int, faster: bool) -> None:
    """All groups at 29 of 64 channels have faster neighbours, at 32 none."""
    masks = [torch.arange(n) < (n if f else width) for n, f in zip(SPACE.full, SPACE.groups.frozen, strict=True)]
    even = [torch.ones(n, dtype=torch.float64) for n in SPACE.full]
    latency = _limit("latency", 1.0)
    steps = refill_steps(ChannelState(SPACE, Budget((latency,)), masks, even))
    first = next(steps)
    assert first.saves(latency) == first.is_free(latency) == faster


def test_latency_as_macs_has_no_free_channels_and_leaves_spare_ones() -> None:
    assert (MACS[["free in latency", "faster", "free in all"]] == 0).all(axis=None)
    assert (MACS["spare"] > 0).all()
    assert COUNTED["spare"].sum() < MACS["spare"].sum() / 5


def test_no_channel_is_free_in_all_where_weights_are_limited() -> None:
    limited = COUNTED["budget"].str.contains("weights")
    assert (COUNTED[limited]["free in all"] == 0).all()
    assert (COUNTED[~limited]["free in all"] == COUNTED[~limited]["free in latency"]).all()
    for _, rows in COUNTED.groupby(["benchmark", "budget"]):
        assert rows["free in latency"].sum() > 0


def test_figures_of_the_guide_are_those_of_the_table() -> None:
    page = " ".join((ROOT / "docs" / "devices.md").read_text().split())
    for benchmark, name in (("visual_wake_words", "visual wake words"), ("keyword_spotting", "keyword spotting")):
        both = [
            rows[(rows["benchmark"] == benchmark) & rows["budget"].str.contains("weights")] for rows in (COUNTED, MACS)
        ]
        counted, macs = (rows[["channels", "given back", "free in latency", "spare"]].sum() for rows in both)
        assert (
            f"{name}: {counted['free in latency']:,} of {counted['given back']:,}; {macs['spare']:,} spare beyond "
            f"{macs['channels']:,}"
        ) in page
