"""Fine-grained channel masks (PIT): alpha per channel, theta = 1[|alpha| > 0.5], straight-through gradient.

A closed channel gets no gradient from the task loss (ReLU at 0), only from the costs: a stated choice. What is closed
need not be computed: `MaskedNetwork.compact` drops it, while checkpoints and exports go on to speak of all channels.
"""

from collections.abc import Mapping
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from suite.dnas.compaction import has_no_task_gradient, shrunk, transfer, write_back
from suite.dnas.fold import FoldedNetwork
from suite.hardware.layers import Network
from suite.space.groups import Groups
from suite.space.slicing import slice_channels

THRESHOLD = 0.5


class _Binarise(torch.autograd.Function):
    """theta = 1[|alpha| > 0.5] or locked; d theta / d alpha = sign(alpha), 0 where locked."""

    @staticmethod
    def forward(ctx: Any, alpha: Tensor, locked: Tensor) -> Tensor:
        ctx.save_for_backward(alpha, locked)
        return _opened(alpha, locked).to(alpha.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        alpha, locked = ctx.saved_tensors
        return grads[0] * alpha.sign() * ~locked, None


def _opened(alpha: Tensor, locked: Tensor) -> Tensor:
    return (alpha.abs() > THRESHOLD) | locked


class _Term(torch.autograd.Function):
    """A number whose gradient in alpha is known."""

    @staticmethod
    def forward(ctx: Any, alpha: Tensor, gradient: Tensor, value: float) -> Tensor:
        ctx.save_for_backward(gradient)
        return alpha.new_tensor(value)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grads[0], None, None


class Masks(nn.Module):
    """All masks of a network as one flat parameter `alpha`, initially 1; the last channel of a group never closes."""

    locked: Tensor
    group_of: Tensor
    _open: Tensor

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
        self.register_buffer("_open", torch.ones_like(self.locked), persistent=False)

    def theta(self) -> Tensor:
        """Binary masks of all groups back to back, shape (sum of sizes,)."""
        return cast(Tensor, _Binarise.apply(self.alpha, self.locked))  # type: ignore[no-untyped-call]

    def counts(self, theta: Tensor) -> Tensor:
        """Open channels of each group, shape (G,), float64 on the CPU, differentiable in `theta`."""
        zeros = torch.zeros(len(self.sizes), dtype=theta.dtype, device=theta.device)
        return zeros.index_add(0, self.group_of, theta).double().cpu()

    def open(self) -> Tensor:
        """Which channels of all groups are open, bool, shape (sum of sizes,); the same object while none changes."""
        now = _opened(self.alpha.detach(), self.locked)
        if not torch.equal(now, self._open):
            self._open = now
        return self._open

    def kept(self) -> list[Tensor]:
        """Which channels of each group are open."""
        return [part.clone() for part in torch.split(self.open(), self.sizes)]

    def term(self, value: float, slopes: Tensor) -> Tensor:
        """A term of the loss, 0-d, whose value and slopes in theta, (sum of sizes,), were found outside autograd.

        Slopes are 0 where a channel cannot close.
        """
        alpha = self.alpha.detach()
        gradient = alpha.sign().mul_(slopes.to(alpha))
        return cast(Tensor, _Term.apply(self.alpha, gradient, value))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def close(self, channels: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Close channels (bool, (sum of sizes,)) for good: alpha = 0 has no gradient, as sign(0) = 0, nor momentum."""
        self.alpha[channels] = 0.0
        for value in optimiser.state.get(self.alpha, {}).values():
            if isinstance(value, Tensor) and value.shape == self.alpha.shape:
                value[channels] = 0.0


class MaskedNetwork(nn.Module):
    """A plain network under search: same function, with masks on every free channel group.

    `network`, which is changed in place, is what a pass computes and what is trained: the whole network at first,
    without the channels that are closed after `compact`. States, `plain()` and `export()` are of the whole network at
    any time; loading a state or moving to another device ends the compaction. `opened` are the open channels of the
    last pass, as `Masks.open` gives them.
    """

    def __init__(self, network: nn.Module, layers: Network, groups: Groups) -> None:
        super().__init__()
        self.layers = layers
        self.groups = groups
        self.masks = Masks(groups)
        self.network = network
        everything = [torch.ones(size, dtype=torch.bool) for size in groups.sizes]
        self._whole = self._computed = FoldedNetwork(network, layers, groups, everything)
        self._places: dict[str, Tensor] = {}
        self._final = has_no_task_gradient(layers, groups)
        self.opened = self.masks.open()
        self.register_load_state_dict_pre_hook(MaskedNetwork._before_loading)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        """The network's output."""
        self.opened = self.masks.open()
        return self._computed(x, self.masks.alpha, self.masks.locked, self.opened)

    @property
    def counts(self) -> Tensor:
        """Open channels of each group, differentiable in the masks: see `Masks.counts`."""
        return self.masks.counts(self.masks.theta())

    def widths(self) -> tuple[int, ...]:
        """Open channels of each group."""
        return tuple(int(mask.sum()) for mask in self.masks.kept())

    @property
    def computed_widths(self) -> tuple[int, ...]:
        """Channels of each group that a pass computes."""
        return self._computed.widths

    @property
    def waiting(self) -> list[str]:
        """Names of the free groups that `compact` leaves as they are."""
        parts = zip(self.groups.names, self._final, self.groups.frozen, strict=True)
        return [name for name, final, frozen in parts if not (final or frozen)]

    @torch.no_grad()
    def compact(self, optimiser: torch.optim.Optimizer) -> bool:
        """Drop closed channels from what is computed, for good; whether there were any.

        Groups whose closed channels get a gradient from the task (`waiting`) are left as they are. `optimiser` goes on
        with the new parameters, and with its state of what stays.
        """
        opened = zip(self.masks.kept(), self._final, strict=True)
        kept = [mask if final else torch.ones_like(mask) for mask, final in opened]
        if all(bool((a == b.to(a.device)).all()) for a, b in zip(kept, self._computed.kept, strict=True)):
            return False
        self._write_back()
        smaller, places = shrunk(self._whole, self.layers, self.groups, kept)
        transfer(optimiser, self._computed, smaller, self._whole, self._places, places)
        self.masks.close(~torch.cat(kept), optimiser)
        self._compute(smaller, places)
        return True

    def expand(self) -> None:
        """Compute the whole network again; an optimiser that was given to `compact` knows nothing of it."""
        self._write_back()
        self._compute(self._whole, {})

    def _compute(self, folded: FoldedNetwork, places: dict[str, Tensor]) -> None:
        self.network = folded.network.train(self.training)
        self._computed, self._places = folded, places

    def _write_back(self) -> None:
        if self._computed is not self._whole:
            write_back(self._computed, self._whole, self._places)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Of the whole network."""
        self._write_back()
        computed, self.network = self.network, self._whole.network
        try:
            return super().state_dict(*args, **kwargs)
        finally:
            self.network = computed

    def _before_loading(self, state: Mapping[str, Any], *_: Any) -> None:
        self.expand()
        self._whole.look_again()

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        self.expand()
        self._whole.look_again()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def plain(self) -> nn.Module:
        """A copy of the full network without masks."""
        self._write_back()
        return self._whole.unwrapped().train(self.training)

    def export(self, kept: list[Tensor] | None = None) -> nn.Module:
        """The plain network of the open channels (or of `kept`), same function, batch-norm statistics included."""
        return slice_channels(self.plain(), self.layers, self.groups, kept or self.masks.kept())
