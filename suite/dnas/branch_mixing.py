"""Path-based search: logits of each layer choice, how branches are sampled from them, and the network that mixes them.

As in the public code of arXiv 2310.07217 (repository eml-eda/multi-constraint-nas, commit 915520f, and the SuperNet of
eml-eda/plinio, commit 3d6b5e0). Costs use the plain softmax of the logits, whatever is sampled in the forward pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.dnas.masks import MaskedNetwork
from suite.hardware.supernet_graph import Position, Selection, SupernetGraph
from suite.models.layer_choice import LayerChoice
from suite.space.groups import Groups
from suite.task.checks import check_choice, check_positive

SAMPLING = ("gumbel_hard", "gumbel_soft", "softmax")
OPTIMISATION = ("alternating", "joint")
_ICV_EPSILON = 1e-3


@dataclass(frozen=True)
class ChoiceRule:
    """How branches are sampled and trained.

    sampling: gumbel_hard samples one branch a step, with the straight-through gradient (the paper's); gumbel_soft mixes
        by the noisy softmax; softmax mixes without noise, with the ICV term in the loss.
    temperature, decay: of the softmax, temperature x exp(-decay x epoch).
    optimisation: alternating trains weights (and masks) on the training data, then logits on the validation data, in
        each epoch; joint trains everything on the training data.
    lr: of the logits; null: ten times the recipe's `mask_lr`, as they have about a tenth of the masks' steps.
    icv: weight of the ICV term, mean^2 / variance of the probabilities, which is small where one branch dominates.
    drop_below: a branch whose probability is below this at the end of an epoch is dropped for good; 0: none is.
    """

    sampling: str = "gumbel_hard"
    temperature: float = 1.0
    decay: float = 0.0
    optimisation: str = "alternating"
    lr: float | None = None
    icv: float = 0.5
    drop_below: float = 0.02

    def __post_init__(self) -> None:
        check_choice("choices.sampling", self.sampling, SAMPLING)
        check_choice("choices.optimisation", self.optimisation, OPTIMISATION)
        check_positive("choices.temperature", self.temperature)
        if self.lr is not None:
            check_positive("choices.lr", self.lr)
        for key in ("decay", "icv"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"choices.{key}={getattr(self, key)}: must not be negative")
        if not 0 <= self.drop_below < 0.25:
            raise ValueError(f"choices.drop_below={self.drop_below}: must be at least 0 and below 0.25")

    def temperature_at(self, epoch: int) -> float:
        """The temperature in an epoch, counted from 0."""
        return self.temperature * math.exp(-self.decay * epoch)


class BranchSampler(nn.Module):
    """Logits of all positions as one flat parameter, initially 0, so that all branches are equally likely.

    `alive` is False for the branches that were dropped.
    """

    alive: Tensor

    def __init__(self, positions: Sequence[Position], rule: ChoiceRule) -> None:
        super().__init__()
        self.rule = rule
        self.sizes = [len(position.branches) for position in positions]
        self.logits = nn.Parameter(torch.zeros(sum(self.sizes)))
        self.register_buffer("alive", torch.ones(sum(self.sizes), dtype=torch.bool))
        self.temperature = rule.temperature

    def probabilities(self) -> list[Tensor]:
        """Softmax of each position's logits at the present temperature, 0 for branches that were dropped."""
        logits = (self.logits / self.temperature).masked_fill(~self.alive, -math.inf)
        return [F.softmax(position, 0) for position in torch.split(logits, self.sizes)]

    @torch.no_grad()
    def selection(self) -> Selection:
        """The likeliest branch of each position."""
        return tuple(int(p.argmax()) for p in self.probabilities())

    def sample(self) -> list[tuple[list[int], Tensor | None]]:
        """For each position, the branches to compute in this step and their weights (None: a single branch).

        In training as `rule.sampling` says. With hard sampling all branches are computed only where the logits need
        their gradient. In evaluation the likeliest branch, or with `softmax` the mixture.
        """
        if not self.training and self.rule.sampling != "softmax":
            return [([k], None) for k in self.selection()]
        positions = zip(torch.split(self.logits, self.sizes), torch.split(self.alive, self.sizes), strict=True)
        return [self._sample_one(logits[alive], alive.nonzero().flatten().tolist()) for logits, alive in positions]

    def _sample_one(self, logits: Tensor, active: list[int]) -> tuple[list[int], Tensor | None]:
        """Of one position: `logits` are those of its `active` branches."""
        if len(active) == 1:
            return active, None
        is_hard = self.rule.sampling == "gumbel_hard"
        if self.rule.sampling == "softmax":
            weights = F.softmax(logits / self.temperature, 0)
        else:
            weights = F.gumbel_softmax(logits, self.temperature, is_hard)
        if is_hard and not weights.requires_grad:
            return [active[int(weights.argmax())]], None
        return active, weights

    @torch.no_grad()
    def drop_unlikely(self) -> None:
        """Drop the branches whose probability is below the rule's threshold; the likeliest always stays."""
        self.alive &= torch.cat(self.probabilities()) >= self.rule.drop_below

    def icv(self) -> Tensor:
        """Sum over positions of mean^2 / (variance + 1e-3) of the probabilities, times `rule.icv`."""
        terms = [p.mean().square() / (p.var() + _ICV_EPSILON) for p in self.probabilities()]
        return self.rule.icv * torch.stack(terms).sum()


class MixedNetwork(MaskedNetwork):
    """A network with layer choices under search, with or without masks on its channel groups.

    `network` is changed in place. `branch_macs` are the forward MACs outside the choices, and those of each branch, at
    the widths that are computed; `macs` are the forward MACs of an example in the last pass.
    """

    def __init__(
        self,
        network: nn.Module,
        supernet_graph: SupernetGraph,
        groups: Groups,
        rule: ChoiceRule,
        branch_macs: tuple[float, list[list[float]]],
    ) -> None:
        super().__init__(network, supernet_graph.network, groups)
        self.supernet_graph = supernet_graph
        self.sampler = BranchSampler(supernet_graph.positions, rule)
        self.branch_macs = branch_macs
        self.macs = self._sum_macs([range(n) for n in self.sampler.sizes])

    def forward(self, x: Tensor) -> Tensor:
        """The network's output with the branches of this step."""
        samples = self.sampler.sample()
        choices = [cast(LayerChoice, self.network.get_submodule(p.name)) for p in self.supernet_graph.positions]
        self.macs = self._sum_macs([active for active, _ in samples])
        for choice, (active, weights) in zip(choices, samples, strict=True):
            choice.active, choice.mix.weights = active, weights
        result = super().forward(x)
        for choice in choices:  # back to all branches; weights with a graph could not be copied
            choice.active, choice.mix.weights = range(len(choice.branches)), None
        return result

    def evaluation_macs(self) -> float:
        """Forward MACs of an example in eval mode: of the likeliest network, or of the mixture."""
        if self.sampler.rule.sampling != "softmax":
            return self._sum_macs([[k] for k in self.sampler.selection()])
        alive = torch.split(self.sampler.alive, self.sampler.sizes)
        return self._sum_macs([torch.nonzero(position).flatten().tolist() for position in alive])

    def _sum_macs(self, active: Sequence[Sequence[int]]) -> float:
        fixed, branch_macs = self.branch_macs
        return fixed + sum(macs[k] for branches, macs in zip(active, branch_macs, strict=True) for k in branches)
