"""Several candidate blocks at one position of a network, mixed by weights that a search sets.

For the path-based search of arXiv 2310.07217 (PITSuperNetModule in eml-eda/multi-constraint-nas, models.py at 2c2422a).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Mix(nn.Module):
    """Weighted sum of the branches' outputs, or their mean if `weights` is None. One operation to the tracer."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: Tensor | None = None

    def forward(self, *outputs: Tensor) -> Tensor:
        """Outputs (N, ...), all of one shape -> their sum, of the same shape."""
        weights = self.weights
        if weights is None:
            weights = outputs[0].new_full((len(outputs),), 1 / len(outputs))
        total = outputs[0] * weights[0]
        for output, weight in zip(outputs[1:], weights[1:], strict=True):
            total = torch.addcmul(total, output, weight)
        return total


class LayerChoice(nn.Module):
    """Candidate blocks ("branches") of which the search leaves one; all map one input shape to one output shape.

    `active` holds the indices of the branches that are computed: all at first, fewer if a search says so. `mix.weights`
    has one weight for each active branch. With a single active branch its output is the result, and nothing is mixed.
    """

    def __init__(self, branches: Mapping[str, nn.Module]) -> None:
        super().__init__()
        if len(branches) < 2:
            raise ValueError(f"a choice needs at least two branches, not {list(branches)}")
        self.branches = nn.ModuleDict(dict(branches))
        self.mix = Mix()
        self.active: Sequence[int] = range(len(branches))

    def forward(self, x: Tensor) -> Tensor:
        """Input (N, C, ...) -> the branches' output shape."""
        branches = list(self.branches.values())
        outputs = [branches[i](x) for i in self.active]
        return outputs[0] if len(outputs) == 1 else self.mix(*outputs)  # type: ignore[no-any-return]
