"""Several candidate blocks at one place of a network, mixed by weights that a search sets (paper section 5.4)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Mix(nn.Module):
    """Weighted sum of the branches' outputs; the mean where no weights are set. A leaf to the tracer."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: Tensor | None = None

    def forward(self, *outputs: Tensor) -> Tensor:
        """(N, ...) each, same shape -> same shape."""
        weights = self.weights
        if weights is None:
            weights = outputs[0].new_full((len(outputs),), 1 / len(outputs))
        total = outputs[0] * weights[0]
        for output, weight in zip(outputs[1:], weights[1:], strict=True):
            total = torch.addcmul(total, output, weight)
        return total


class LayerChoice(nn.Module):
    """Candidate blocks of which one will stay; all take and give tensors of the same shapes.

    `active` are the branches that are computed, all at first; a search may set fewer, and `mix.weights` has one weight
    for each of them. With a single active branch its output is the result, and nothing is mixed.
    """

    def __init__(self, branches: Mapping[str, nn.Module]) -> None:
        super().__init__()
        if len(branches) < 2:
            raise ValueError(f"a choice needs at least two branches, not {list(branches)}")
        self.branches = nn.ModuleDict(dict(branches))
        self.mix = Mix()
        self.active: Sequence[int] = range(len(branches))

    @property
    def names(self) -> tuple[str, ...]:
        """The branches' names."""
        return tuple(self.branches)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> the branches' shape."""
        parts = list(self.branches.values())
        if len(self.active) == 1:
            result: Tensor = parts[self.active[0]](x)
            return result
        mixed: Tensor = self.mix(*(parts[i](x) for i in self.active))
        return mixed
