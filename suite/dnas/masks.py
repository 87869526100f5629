"""Fine-grained channel masks (PIT): alpha per channel, theta = 1[|alpha| > 0.5], straight-through gradient.

The masks are folded into the scale and shift of batch norm (theta gamma, theta beta), or into weight **and bias** where
there is none, so that a removed channel contributes exactly nothing and the search costs next to nothing over plain
training. A closed channel then gets no gradient from the task loss (ReLU at 0), only from the costs: a stated choice.
"""

import copy
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.dnas.export import slice_channels
from suite.dnas.groups import Groups
from suite.hardware.layers import WEIGHTED, Network

THRESHOLD = 0.5


class _Binarise(torch.autograd.Function):
    """theta = 1[|alpha| > 0.5] or locked; d theta / d alpha = sign(alpha), 0 where locked."""

    @staticmethod
    def forward(ctx: Any, alpha: Tensor, locked: Tensor) -> Tensor:
        ctx.save_for_backward(alpha, locked)
        return ((alpha.abs() > THRESHOLD) | locked).to(alpha.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        alpha, locked = ctx.saved_tensors
        return grads[0] * alpha.sign() * ~locked, None


class Masks(nn.Module):
    """All masks of a network as one flat parameter `alpha`, initially 1; the last channel of a group never closes."""

    locked: Tensor
    group_of: Tensor

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

    def theta(self) -> Tensor:
        """Binary masks of all groups back to back, shape (sum of sizes,)."""
        return cast(Tensor, _Binarise.apply(self.alpha, self.locked))  # type: ignore[no-untyped-call]

    def counts(self, theta: Tensor) -> Tensor:
        """Open channels of each group, shape (G,), float64 on the CPU, differentiable in `theta`."""
        zeros = torch.zeros(len(self.sizes), dtype=theta.dtype, device=theta.device)
        return zeros.index_add(0, self.group_of, theta).double().cpu()

    @torch.no_grad()
    def kept(self) -> list[Tensor]:
        """Which channels of each group are open."""
        return [t.bool() for t in torch.split(self.theta(), self.sizes)]


class _MaskedBatchNorm(nn.Module):
    """Batch norm whose scale and shift are multiplied by theta, set before each forward pass."""

    def __init__(self, inner: nn.BatchNorm2d | nn.BatchNorm1d) -> None:
        super().__init__()
        if inner.momentum is None or not inner.track_running_stats:
            raise ValueError("batch norm without running statistics, or with a cumulative average, cannot be masked")
        self.inner = inner
        self.theta: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> same shape, zero in closed channels."""
        bn, theta = self.inner, cast(Tensor, self.theta)
        weight = theta if bn.weight is None else bn.weight * theta
        bias = None if bn.bias is None else bn.bias * theta
        momentum = cast(float, bn.momentum)
        return F.batch_norm(x, bn.running_mean, bn.running_var, weight, bias, self.training, momentum, bn.eps)


class _MaskedWeights(nn.Module):
    """Convolution or linear layer without batch norm: weight and bias are multiplied by theta."""

    def __init__(self, inner: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.inner = inner
        self.theta: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """As the inner layer, zero in closed channels."""
        part, theta = self.inner, cast(Tensor, self.theta)
        weight = part.weight * theta.view(-1, *(1,) * (part.weight.dim() - 1))
        bias = None if part.bias is None else part.bias * theta
        if isinstance(part, nn.Linear):
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, part.stride, part.padding, part.dilation, part.groups)


class MaskedNetwork(nn.Module):
    """A plain network under search: same function, with masks on every free channel group.

    `network` is changed in place: its batch norms and unnormalised layers are wrapped. `export()` gives a plain copy.
    """

    def __init__(self, network: nn.Module, layers: Network, groups: Groups) -> None:
        super().__init__()
        self.layers = layers
        self.groups = groups
        self.masks = Masks(groups)
        self.network = network
        self._wrapped: list[tuple[_MaskedBatchNorm | _MaskedWeights, int]] = []
        normalised = {x.inputs[0] for x in layers.layers if x.kind == "batch_norm"}
        for layer in layers.layers:
            group = groups.of[layer.name]
            if groups.frozen[group]:
                continue
            if layer.kind == "batch_norm":
                self._wrap(layer.name, _MaskedBatchNorm, group)
            elif layer.kind in WEIGHTED and layer.name not in normalised:
                self._wrap(layer.name, _MaskedWeights, group)

    def _wrap(self, path: str, wrapper: type[Any], group: int) -> None:
        parent, _, name = path.rpartition(".")
        holder = self.network.get_submodule(parent)
        wrapped = wrapper(getattr(holder, name))
        setattr(holder, name, wrapped)
        self._wrapped.append((wrapped, group))

    def forward(self, x: Tensor) -> Tensor:
        """The network's output; the masks' counts of this pass are in `counts`."""
        theta = self.masks.theta()
        parts = torch.split(theta, self.masks.sizes)
        for wrapped, group in self._wrapped:
            wrapped.theta = parts[group]
        self.counts = self.masks.counts(theta)
        result: Tensor = self.network(x)
        for wrapped, _ in self._wrapped:
            wrapped.theta = None  # a module that holds part of a graph cannot be copied
        return result

    def widths(self) -> tuple[int, ...]:
        """Open channels of each group."""
        return tuple(int(mask.sum()) for mask in self.masks.kept())

    def plain(self) -> nn.Module:
        """A copy of the full network without masks."""
        copied = copy.deepcopy(self.network)
        for name, part in list(copied.named_modules()):
            if isinstance(part, _MaskedBatchNorm | _MaskedWeights):
                parent, _, leaf = name.rpartition(".")
                setattr(copied.get_submodule(parent), leaf, part.inner)
        return copied

    def export(self, kept: list[Tensor] | None = None) -> nn.Module:
        """The plain network of the open channels (or of `kept`), same function, batch-norm statistics included."""
        return slice_channels(self.plain(), self.layers, self.groups, kept or self.masks.kept())
