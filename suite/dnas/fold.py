"""Masks folded into batch norm's scale and shift, or into weight **and bias** where there is no batch norm.

A removed channel then contributes exactly nothing, and masks cost next to nothing over plain training: all vectors that
theta multiplies are laid end to end and multiplied at once, in one node of the autograd graph.
"""

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from suite.hardware.layers import WEIGHTED, Network
from suite.space.groups import Groups


class _Fold(torch.autograd.Function):
    """Vectors times the theta of their channels; straight through, d theta / d alpha = sign(alpha), 0 where locked."""

    @staticmethod
    def forward(
        ctx: Any, alpha: Tensor, locked: Tensor, index: Tensor, theta: Tensor, *vectors: Tensor
    ) -> tuple[Tensor, ...]:
        flat = torch.cat(vectors)
        ctx.save_for_backward(alpha, locked, index, flat, theta)
        ctx.sizes = [len(vector) for vector in vectors]
        ctx.set_materialize_grads(False)  # Adam's momentum would move a branch that was not computed on zeros
        return torch.split(flat * theta, ctx.sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        alpha, locked, index, flat, theta = ctx.saved_tensors
        grad = torch.cat([flat.new_zeros(n) if g is None else g for g, n in zip(grads, ctx.sizes, strict=True)])
        slope = torch.zeros_like(alpha).index_add_(0, index, (grad * flat).to(alpha.dtype))
        slope.mul_(alpha.sign()).masked_fill_(locked, 0.0)
        parts = torch.split(grad.mul_(theta), ctx.sizes)
        return slope, None, None, None, *(None if g is None else part for g, part in zip(grads, parts, strict=True))


class _Folded:
    """The products of the present pass, shared by the parts of one network."""

    def __init__(self) -> None:
        self.vectors: Sequence[Tensor] = ()


class MaskedBatchNorm(nn.Module):
    """Batch norm, which has running statistics and a momentum (`trace` refuses others), with folded scale and shift."""

    ones: Tensor

    def __init__(self, inner: nn.BatchNorm2d | nn.BatchNorm1d, folded: _Folded, first: int) -> None:
        super().__init__()
        self.inner, self.folded, self.first = inner, folded, first
        self.register_buffer("ones", torch.ones_like(cast(Tensor, inner.running_var)), persistent=False)

    def vectors(self) -> list[Tensor]:
        """What theta multiplies; without a scale, theta itself takes its place."""
        weight, bias = self.inner.weight, self.inner.bias
        return [self.ones if weight is None else weight, *([] if bias is None else [bias])]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> same shape, zero in closed channels."""
        bn, vectors = self.inner, self.folded.vectors
        bias = None if bn.bias is None else vectors[self.first + 1]
        momentum = cast(float, bn.momentum)
        mean, var = bn.running_mean, bn.running_var
        return F.batch_norm(x, mean, var, vectors[self.first], bias, self.training, momentum, bn.eps)


class MaskedWeights(nn.Module):
    """Convolution or linear layer without batch norm, with folded weight and bias."""

    ones: Tensor

    def __init__(self, inner: nn.Conv1d | nn.Conv2d | nn.Linear, folded: _Folded, first: int) -> None:
        super().__init__()
        self.inner, self.folded, self.first = inner, folded, first
        self.register_buffer("ones", inner.weight.detach().new_ones(len(inner.weight)), persistent=False)

    def vectors(self) -> list[Tensor]:
        """What theta multiplies: itself, for the weight's rows, and the bias."""
        return [self.ones, *([] if self.inner.bias is None else [self.inner.bias])]

    def forward(self, x: Tensor) -> Tensor:
        """As the inner layer, zero in closed channels."""
        part, vectors = self.inner, self.folded.vectors
        weight = part.weight * vectors[self.first].view(-1, *(1,) * (part.weight.dim() - 1))
        bias = None if part.bias is None else vectors[self.first + 1]
        if isinstance(part, nn.Linear):
            return F.linear(x, weight, bias)
        convolve: Any = F.conv1d if isinstance(part, nn.Conv1d) else F.conv2d
        result: Tensor = convolve(x, weight, bias, part.stride, part.padding, part.dilation, part.groups)
        return result


class FoldedNetwork:
    """A network whose masked parts are wrapped in place; `kept` says which channels of the groups it holds, `widths`
    how many.
    """

    def __init__(self, network: nn.Module, layers: Network, groups: Groups, kept: Sequence[Tensor]) -> None:
        self.network, self.kept = network, list(kept)
        self.widths = tuple(int(mask.sum()) for mask in kept)
        self._folded = _Folded()
        self._vectors: list[Tensor] = []
        self._opened: Tensor | None = None
        self._theta = torch.zeros(0)
        self._parts: list[MaskedBatchNorm | MaskedWeights] = []
        numbers = torch.split(torch.arange(sum(groups.sizes), device=kept[0].device), list(groups.sizes))
        alphas = [number[mask] for number, mask in zip(numbers, kept, strict=True)]
        index: list[Tensor] = []
        normalised = {x.inputs[0] for x in layers.layers if x.kind == "batch_norm"}
        for layer in layers.layers:
            if groups.is_frozen(layer.name):
                continue
            wrapper: type[MaskedBatchNorm | MaskedWeights]
            if layer.kind == "batch_norm":
                wrapper = MaskedBatchNorm
            elif layer.kind in WEIGHTED and layer.name not in normalised:
                wrapper = MaskedWeights
            else:
                continue
            part = wrapper(network.get_submodule(layer.name), self._folded, len(index))  # type: ignore[arg-type]
            replace_part(network, layer.name, part)
            self._parts.append(part)
            index += [groups.spread(layer.name, alphas)] * len(part.vectors())
        self._index = torch.cat(index) if index else torch.zeros(0, dtype=torch.int64)

    def __call__(self, x: Tensor, alpha: Tensor, locked: Tensor, opened: Tensor) -> Tensor:
        """The network's output; `opened` says which channels are open, another tensor whenever that changes."""
        if not self._vectors:
            self._vectors = [vector for part in self._parts for vector in part.vectors()]
            self._index = self._index.to(alpha.device)
            self._opened = None
        if self._vectors:
            if opened is not self._opened:
                self._opened, self._theta = opened, opened[self._index].to(alpha.dtype)
            self._folded.vectors = _Fold.apply(alpha, locked, self._index, self._theta, *self._vectors)  # type: ignore[no-untyped-call]
        result: Tensor = self.network(x)
        self._folded.vectors = ()  # a module that holds part of a graph cannot be copied
        return result

    def look_again(self) -> None:
        """The network's tensors may have been replaced: find them anew."""
        self._vectors = []

    def unwrapped(self) -> nn.Module:
        """A copy of the network as it was before it was wrapped."""
        copied = copy.deepcopy(self.network)
        for name, part in list(copied.named_modules()):
            if isinstance(part, MaskedBatchNorm | MaskedWeights):
                replace_part(copied, name, part.inner)
        return copied


def replace_part(root: nn.Module, path: str, part: nn.Module) -> None:
    """Put `part` where `path` leads."""
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, part)
