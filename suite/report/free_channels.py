"""How many channels refill gives back at no cost in latency: counted instructions against latency as MACs.

Kernels that take channels in groups run 32 of them faster than 29. A latency in proportion to MACs knows no such
channel, so that what a search with it leaves closed is counted too, at the latency of the counted instructions.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from suite.hardware.costs import HardwareModel
from suite.hardware.latency import Device, KernelLibrary
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.report.device_tables import DeviceTable
from suite.space.budget import Budget, Constraint
from suite.space.channel_state import ChannelState
from suite.space.refill import refill_steps
from suite.space.repair import repair
from suite.space.width_space import WidthSpace

_DEVICE = "cortex_m4_cmsisnn"
_MACS = "MACs"
_NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "visual_wake_words": (MobileNetV1, (3, 96, 96)),
    "keyword_spotting": (DsCnn, (1, 49, 10)),
}
_BUDGETS: tuple[dict[str, int], ...] = ({"weights": 25, "latency": 50}, {"latency": 50})
"""Metric -> per cent of the reference network's cost."""
_KEPT = (30, 50)
"""Per cent of the channels that the masks keep."""
_SEEDS = range(5)

_COUNTS = ("channels", "given back", "free in latency", "faster", "free in all", "spare")

_DEFINITIONS = (
    "kept %: the probability with which masks keep each channel; importance is uniform random, both of seeds "
    f"{_SEEDS[0]} to {_SEEDS[-1]}; repair and refill follow, as at the end of a search; counts are sums over the seeds",
    "channels: of the resulting networks",
    "given back: opened by refill, in blocks",
    "free in latency: in blocks that raised no latency",
    "faster: in blocks that lowered it",
    "free in all: in blocks that raised no limited cost, which no channel is where weights are limited",
    "spare: what could be opened beyond the result, weights aside, until the network exceeded its own latency on "
    f"{_DEVICE}",
)


def free_channels_table(devices: Mapping[str, Device]) -> DeviceTable:
    """Sums over random masks, by benchmark, budget, share of channels that the masks keep, and latency model."""
    device = devices[_DEVICE]
    frame = pd.DataFrame(row for name in _NETWORKS for shares in _BUDGETS for row in _rows(name, shares, device))
    sums = frame.groupby(["benchmark", "budget", "latency as"], sort=False)[list(_COUNTS)].sum().to_dict("index")
    return DeviceTable("free_channels", frame, _answer(sums), (*_totals(sums), *_DEFINITIONS))


def _answer(sums: Mapping[Any, Any]) -> str:
    """What the steps of the kernels are worth to a search, at the first of the budgets."""
    budget = _label(_BUDGETS[0])
    free, spare = [], []
    for name in _NETWORKS:
        counted, macs = (sums[name, budget, latency] for latency in (_DEVICE, _MACS))
        free.append(f"{counted['free in latency']:,} of {counted['given back']:,} on {name}")
        spare.append(f"{macs['spare']:,} beyond {macs['channels']:,} on {name}")
    return (
        f"At {budget}, with latency as {_DEVICE} has it, refill gives back channels that cost no latency: "
        f"{' and '.join(free)}. With latency in proportion to MACs no channel is ever free, and channels stay closed "
        f"that would have cost no latency on {_DEVICE}: {' and '.join(spare)}. These are sums over "
        f"{len(_KEPT) * len(_SEEDS)} random networks each; words are explained below the table."
    )


def _label(shares: Mapping[str, int]) -> str:
    return " + ".join(f"{metric} {share} %" for metric, share in shares.items())


def _rows(benchmark: str, shares: Mapping[str, int], device: Device) -> Iterator[dict[str, object]]:
    factory, shape = _NETWORKS[benchmark]
    network = trace(factory(), shape)
    counted, macs = (WidthSpace(network, HardwareModel(d)) for d in (device, _macs_device(device)))
    label = _label(shares)
    for kept in _KEPT:
        for latency, space in ((_DEVICE, counted), (_MACS, macs)):
            counts = [count_channels(space, counted, _budget(space, shares), kept, seed) for seed in _SEEDS]
            sums = {key: sum(count[key] for count in counts) for key in _COUNTS}
            yield {"benchmark": benchmark, "budget": label, "kept %": kept, "latency as": latency, **sums}


def count_channels(space: WidthSpace, counted: WidthSpace, budget: Budget, kept: int, seed: int) -> dict[str, int]:
    """The table's counts for one random network.

    Args:
        space: the widths, with the latency that limits.
        counted: the same widths, with the latency of counted instructions.
        budget: limits on latency and other metrics.
        kept: per cent of the channels that the masks keep.
        seed: of masks and importance.
    """
    masks, importance = _draw(space, kept / 100, seed)
    state = ChannelState(space, budget, masks, importance)
    repair(state)
    counts = _refill(state)
    own = Constraint("latency", counted.exact(state.widths, ["latency"])["latency"], "own")
    beyond = _refill(ChannelState(counted, Budget((own,)), state.open_channels, importance))
    channels = sum(state.widths[group] for group in space.free)
    return {"channels": channels, **counts, "spare": beyond["given back"]}


def _refill(state: ChannelState) -> dict[str, int]:
    """Refill, and count the channels that it opens."""
    limits = {c.metric: c for c in state.budget.constraints}
    counts = dict.fromkeys(("given back", "free in latency", "faster", "free in all"), 0)
    for addition in refill_steps(state):
        counts["given back"] += addition.count
        counts["free in latency"] += addition.count * addition.is_free(limits["latency"])
        counts["faster"] += addition.count * addition.saves(limits["latency"])
        counts["free in all"] += addition.count * all(map(addition.is_free, limits.values()))
    return counts


def _draw(space: WidthSpace, probability: float, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """(masks, importance) of each group; the last channel of a group and frozen groups stay open, as in a search."""
    generator = torch.Generator().manual_seed(seed)
    importance = [torch.rand(n, generator=generator, dtype=torch.float64) for n in space.full]
    masks = [torch.rand(n, generator=generator) < probability for n in space.full]
    for mask, frozen in zip(masks, space.groups.frozen, strict=True):
        mask[0 if frozen else -1 :] = True
    return masks, importance


def _budget(space: WidthSpace, shares: Mapping[str, int]) -> Budget:
    costs = space.reference_costs
    return Budget(tuple(Constraint(m, share / 100 * costs[m], f"{share}%") for m, share in shares.items()))


def _macs_device(device: Device) -> KernelLibrary:
    """A cycle for a MAC, at the device's clock."""
    return KernelLibrary(
        name=_MACS,
        board="none",
        software="none",
        source="a cycle for a MAC",
        clock_mhz=device.clock_mhz,
        cycles_per_mac=1.0,
        conv_output=0.0,
        depthwise=1.0,
        linear=1.0,
    )


def _totals(sums: Mapping[Any, Any]) -> Iterator[str]:
    """A line for each benchmark, budget and latency model."""
    for (benchmark, budget, latency), counts in sums.items():
        yield (
            f"{benchmark}, {budget}, latency as {latency}: {counts['free in latency']:,} of "
            f"{counts['given back']:,} channels given back free in latency, {counts['faster']:,} of them faster, "
            f"{counts['free in all']:,} free in all; {counts['spare']:,} spare beyond {counts['channels']:,}"
        )
