"""Channel masks, as PIT has them: alpha for each channel, theta = 1[|alpha| > 0.5], straight-through gradient.

A channel is open where theta is 1 and closed where it is 0; a closed channel's output is 0. Behind ReLU a closed
channel gets no gradient from the task loss, only from the costs (docs/method.md, "Compaction"). Closed channels need
not be computed: `MaskedNetwork.compact` removes them, while checkpoints and exports still contain all channels.
"""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from suite.dnas.compaction import has_no_task_gradient, shrink_network, transfer_optimiser, write_back
from suite.dnas.fold import FoldedNetwork
from suite.hardware.layers import Network
from suite.space.groups import Groups, count_open

THRESHOLD = 0.5


class Masks(nn.Module):
    """All masks of a network as one flat parameter `alpha`, initially 1.

    `locked` are the channels that never close (frozen groups, and the last channel of every other group), `group_of` is
    the group of each channel, both (sum of sizes,).
    """

    locked: Tensor
    group_of: Tensor
    _last_open: Tensor

    def __init__(self, groups: Groups) -> None:
        super().__init__()
        self.sizes = list(groups.sizes)
        self.alpha = nn.Parameter(torch.ones(sum(self.sizes)))
        locked = [torch.full((n,), frozen) for n, frozen in zip(groups.sizes, groups.frozen, strict=True)]
        for mask in locked:
            mask[-1] = True
        self.register_buffer("locked", torch.cat(locked))
        index = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor(self.sizes))
        self.register_buffer("group_of", index)
        self.register_buffer("_last_open", torch.ones_like(self.locked), persistent=False)

    def theta(self) -> Tensor:
        """Binary masks of all groups back to back, shape (sum of sizes,); d theta / d alpha = sign(alpha)."""
        size = self.alpha.abs()
        return self.is_open() + (size - size.detach()) * ~self.locked  # straight-through: its value is 0

    def counts(self, theta: Tensor) -> Tensor:
        """Open channels of each group, shape (G,), float64 on the CPU, differentiable in `theta`."""
        zeros = torch.zeros(len(self.sizes), dtype=theta.dtype, device=theta.device)
        return zeros.index_add(0, self.group_of, theta).double().cpu()

    def is_open(self) -> Tensor:
        """Which channels of all groups are open, bool, shape (sum of sizes,); the same object while none changes."""
        now = (self.alpha.detach().abs() > THRESHOLD) | self.locked
        if not torch.equal(now, self._last_open):
            self._last_open = now
        return self._last_open

    def open_channels(self) -> list[Tensor]:
        """Which channels of each group are open: one bool tensor (size,) a group."""
        return [mask.clone() for mask in torch.split(self.is_open(), self.sizes)]

    def make_loss_term(self, value: float, slopes: Tensor) -> Tensor:
        """A term of the loss, 0-d, with a value and slopes in theta, (sum of sizes,), computed outside autograd.

        Slopes are 0 where a channel cannot close.
        """
        alpha = self.alpha.detach()
        gradient = alpha.sign().mul_(slopes.to(alpha, non_blocking=True))
        return value + torch.dot(self.alpha - alpha, gradient)

    @torch.no_grad()
    def close(self, channels: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Close channels (bool, (sum of sizes,)) for good: alpha = 0 has no gradient, as sign(0) = 0, nor momentum."""
        self.alpha[channels] = 0.0
        for value in optimiser.state.get(self.alpha, {}).values():
            if isinstance(value, Tensor) and value.shape == self.alpha.shape:
                value[channels] = 0.0


class MaskedNetwork(nn.Module):
    """A plain network with masks on every channel group that is not frozen.

    `network`, which is changed in place, is what a pass computes and what is trained: the whole network at first; after
    `compact` without the channels that are closed. State dicts and `copy_plain()` always contain the whole network;
    loading a state dict or moving to another device ends the compaction. `last_open` are the open channels of the last
    pass, as `Masks.is_open` gives them.
    """

    def __init__(self, network: nn.Module, layers: Network, groups: Groups) -> None:
        super().__init__()
        self.layers = layers
        self.groups = groups
        self.masks = Masks(groups)
        self.network = network
        self._whole = self._computed = FoldedNetwork(network, layers, groups, groups.open_all())
        self._indices: dict[str, Tensor] = {}
        self._compactable = has_no_task_gradient(layers, groups)
        self.last_open = self.masks.is_open()
        self.register_load_state_dict_pre_hook(MaskedNetwork._before_loading)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        """The network's output."""
        self.last_open = self.masks.is_open()
        return self._computed(x, self.masks.alpha, self.masks.locked, self.last_open)

    @property
    def counts(self) -> Tensor:
        """Open channels of each group, differentiable in the masks: see `Masks.counts`."""
        return self.masks.counts(self.masks.theta())

    def widths(self) -> tuple[int, ...]:
        """Open channels of each group."""
        return tuple(count_open(self.masks.open_channels()))

    @property
    def computed_widths(self) -> tuple[int, ...]:
        """Channels of each group that a pass computes."""
        return self._computed.widths

    @property
    def uncompactable_groups(self) -> list[str]:
        """Names of the groups that `compact` leaves as they are though they are not frozen."""
        groups = zip(self.groups.names, self._compactable, self.groups.frozen, strict=True)
        return [name for name, compactable, frozen in groups if not (compactable or frozen)]

    @torch.no_grad()
    def compact(self, optimiser: torch.optim.Optimizer) -> bool:
        """Remove closed channels from what is computed, for good; returns whether there were any.

        Groups whose closed channels get a gradient from the task (`uncompactable_groups`) are left as they are.
        `optimiser` then trains the new parameters, and keeps its state for them.
        """
        masks = zip(self.masks.open_channels(), self._compactable, strict=True)
        present = [mask if compactable else torch.ones_like(mask) for mask, compactable in masks]
        if all(bool((a == b.to(a.device)).all()) for a, b in zip(present, self._computed.present, strict=True)):
            return False
        self._write_back()
        smaller, indices = shrink_network(self._whole, self.layers, self.groups, present)
        transfer_optimiser(optimiser, self._computed, smaller, self._whole, self._indices, indices)
        self.masks.close(~torch.cat(present), optimiser)
        self._set_computed(smaller, indices)
        return True

    def expand(self) -> None:
        """Compute the whole network again; an optimiser that was given to `compact` does not train its parameters."""
        self._write_back()
        self._set_computed(self._whole, {})
        self._whole.forget_tensors()

    def _set_computed(self, folded: FoldedNetwork, indices: dict[str, Tensor]) -> None:
        self.network = folded.network.train(self.training)
        self._computed, self._indices = folded, indices

    def _write_back(self) -> None:
        if self._computed is not self._whole:
            write_back(self._computed, self._whole, self._indices)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The state of the full network, closed channels included, even after `compact`."""
        self._write_back()
        computed, self.network = self.network, self._whole.network
        try:
            return super().state_dict(*args, **kwargs)
        finally:
            self.network = computed

    def _before_loading(self, state: Mapping[str, Any], *_: Any) -> None:
        self.expand()

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        self.expand()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def copy_plain(self) -> nn.Module:
        """A copy of the full network without masks."""
        self._write_back()
        return self._whole.copy_unwrapped().train(self.training)
