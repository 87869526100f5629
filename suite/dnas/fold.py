"""Masks folded into batch norm's scale and shift, or into weight **and bias** where there is no batch norm.

A closed channel then contributes exactly nothing. A step takes hardly longer than one of plain training: all vectors
that the masks theta multiply are concatenated and multiplied at once, in one node of the autograd graph.
"""

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from suite.hardware.layers import WEIGHTED, Layer, Network
from suite.space.groups import Groups, count_open

_BatchNorm = nn.BatchNorm2d | nn.BatchNorm1d
_Weighted = nn.Conv1d | nn.Conv2d | nn.Linear


class _Fold(torch.autograd.Function):
    """Vectors times the theta of their channels; straight-through, d theta / d alpha = sign(alpha), 0 where locked."""

    @staticmethod
    def forward(
        ctx: Any, alpha: Tensor, locked: Tensor, index: Tensor, theta: Tensor, *vectors: Tensor
    ) -> tuple[Tensor, ...]:
        flat = torch.cat(vectors)
        ctx.save_for_backward(alpha, locked, index, flat, theta)
        ctx.sizes = [len(vector) for vector in vectors]
        ctx.set_materialize_grads(False)  # Adam's momentum would move a branch that was not computed on zeros
        # One tensor each: a part of a common one may begin anywhere, but cuDNN reads four values at a time ("misaligned
        # address")
        return tuple(torch._foreach_mul(vectors, torch.split(theta, ctx.sizes)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        alpha, locked, index, flat, theta = ctx.saved_tensors
        grad = torch.cat([flat.new_zeros(n) if g is None else g for g, n in zip(grads, ctx.sizes, strict=True)])
        slope = torch.zeros_like(alpha).index_add_(0, index, (grad * flat).to(alpha.dtype))
        slope.mul_(alpha.sign()).masked_fill_(locked, 0.0)
        parts = torch.split(grad.mul_(theta), ctx.sizes)
        return slope, None, None, None, *(None if g is None else part for g, part in zip(grads, parts, strict=True))


class MaskedModule(nn.Module):
    """Batch norm, or a convolution or linear layer without one, whose scale and shift theta multiplies.

    The scale of a layer multiplies the rows of its weight. Batch norm has running statistics and a momentum: `trace`
    refuses others. `masked` are the masked vectors of the present forward pass, one list for all modules of a network;
    `first` is where those of this module begin.
    """

    ones: Tensor

    def __init__(self, inner: _BatchNorm | _Weighted, masked: list[Tensor], first: int) -> None:
        super().__init__()
        self.inner, self.masked, self.first = inner, masked, first
        like = cast(Tensor, inner.running_var) if isinstance(inner, _BatchNorm) else inner.weight
        self.register_buffer("ones", like.detach().new_ones(len(like)), persistent=False)

    def vectors(self) -> list[Tensor]:
        """The tensors that theta multiplies: batch norm's scale (else, and where it has none, ones) and the shift."""
        own_scale = self.inner.weight if isinstance(self.inner, _BatchNorm) else None
        return [self.ones if own_scale is None else own_scale, *([] if self.inner.bias is None else [self.inner.bias])]

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module, zero in closed channels."""
        inner, scale = self.inner, self.masked[self.first]
        bias = None if inner.bias is None else self.masked[self.first + 1]
        if isinstance(inner, _BatchNorm):
            mean, var, momentum = inner.running_mean, inner.running_var, cast(float, inner.momentum)
            return F.batch_norm(x, mean, var, scale, bias, self.training, momentum, inner.eps)
        weight = inner.weight * scale.view(-1, *(1,) * (inner.weight.dim() - 1))
        if isinstance(inner, nn.Linear):
            return F.linear(x, weight, bias)
        result: Tensor = inner._conv_forward(x, weight, bias)  # pads as the layer's class does
        return result


def masked_layers(network: Network) -> list[Layer]:
    """Where masks are folded in: batch norms, and the layers with weights that have none."""
    normalised = {x.inputs[0] for x in network.layers if x.kind == "batch_norm"}
    return [x for x in network.layers if x.kind == "batch_norm" or (x.kind in WEIGHTED and x.name not in normalised)]


class FoldedNetwork:
    """A network whose masked modules are wrapped in place.

    `present` are the channels of each group that the network has (bool, one tensor a group), `widths` their numbers.
    """

    def __init__(self, network: nn.Module, layers: Network, groups: Groups, present: Sequence[Tensor]) -> None:
        self.network, self.present = network, list(present)
        self.widths = tuple(count_open(present))
        self._masked: list[Tensor] = []
        self._vectors: list[Tensor] = []
        self._is_open: Tensor | None = None
        self._theta = torch.zeros(0)
        self._wrapped: list[MaskedModule] = []
        is_present = torch.cat(list(present))
        index: list[Tensor] = []
        for layer in masked_layers(layers):
            if groups.is_frozen(layer.name):
                continue
            module = MaskedModule(network.get_submodule(layer.name), self._masked, len(index))  # type: ignore[arg-type]
            network.set_submodule(layer.name, module)
            self._wrapped.append(module)
            channels = groups.channels[layer.name].to(is_present.device)
            index += [channels[is_present[channels]]] * len(module.vectors())
        self._index = torch.cat(index) if index else torch.zeros(0, dtype=torch.int64)

    def __call__(self, x: Tensor, alpha: Tensor, locked: Tensor, is_open: Tensor) -> Tensor:
        """The network's output; `is_open` (`Masks.is_open`) is another tensor object whenever a channel changes."""
        if not self._vectors:
            self._vectors = [vector for module in self._wrapped for vector in module.vectors()]
            self._index = self._index.to(alpha.device)
            self._is_open = None
        if self._vectors:
            if is_open is not self._is_open:
                self._is_open, self._theta = is_open, is_open[self._index].to(alpha.dtype)
            self._masked[:] = _Fold.apply(alpha, locked, self._index, self._theta, *self._vectors)  # type: ignore[no-untyped-call]
        result: Tensor = self.network(x)
        self._masked.clear()  # a module that holds part of a graph cannot be copied
        return result

    def forget_tensors(self) -> None:
        """Collect the masked tensors anew in the next pass: those of the network may have been replaced."""
        self._vectors = []

    def copy_unwrapped(self) -> nn.Module:
        """A copy of the network as it was before it was wrapped."""
        copied = copy.deepcopy(self.network)
        for name, module in list(copied.named_modules()):
            if isinstance(module, MaskedModule):
                copied.set_submodule(name, module.inner)
        return copied
