"""Path-based search: logits of each layer choice, how branches are drawn from them, and the network that mixes them.

Burrello et al., arXiv 2310.07217; paper sections 1.2, 1.4 and 5.4. Costs use the plain softmax of the logits, whatever
is drawn in the forward pass, as in the paper's code.
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
from suite.space.branches import keep_branches
from suite.space.groups import Groups

SAMPLING = ("gumbel_hard", "gumbel_soft", "softmax")
OPTIMISATION = ("alternating", "joint")
_ICV_EPSILON = 1e-3


@dataclass(frozen=True)
class ChoiceRule:
    """How branches are chosen.

    sampling: gumbel_hard draws one branch a step, with the straight-through gradient (the paper's); gumbel_soft mixes
        by the noisy softmax; softmax mixes without noise, with the ICV term in the loss.
    temperature, decay: of the softmax, temperature x exp(-decay x epoch).
    optimisation: alternating trains weights (and masks) on the training data, then logits on the validation data, in
        each epoch; joint trains everything on the training data.
    lr: of the logits; ten times the recipe's `mask_lr` where null, as they have about a tenth of the masks' steps.
    icv: weight of the ICV term, mean^2 / variance of the probabilities, small where one branch dominates.
    drop_below: a branch whose probability is below this at the end of an epoch is dropped for good; 0: none ever is.
    """

    sampling: str = "gumbel_hard"
    temperature: float = 1.0
    decay: float = 0.0
    optimisation: str = "alternating"
    lr: float | None = None
    icv: float = 0.5
    drop_below: float = 0.02

    def __post_init__(self) -> None:
        for key, choices in (("sampling", SAMPLING), ("optimisation", OPTIMISATION)):
            if getattr(self, key) not in choices:
                raise ValueError(f"choices.{key}={getattr(self, key)}: choices are {', '.join(choices)}")
        for key in ("temperature", "lr"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise ValueError(f"choices.{key}={value}: must be positive")
        for key in ("decay", "icv"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"choices.{key}={getattr(self, key)}: must not be negative")
        if not 0 <= self.drop_below < 0.25:
            raise ValueError(f"choices.drop_below={self.drop_below}: must be at least 0 and below 0.25")

    def temperature_at(self, epoch: int) -> float:
        """The temperature in an epoch, counted from 0."""
        return self.temperature * math.exp(-self.decay * epoch)


class Choices(nn.Module):
    """Logits of all positions as one flat parameter, initially 0: every branch is as likely."""

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
        return [F.softmax(part, 0) for part in torch.split(logits, self.sizes)]

    @torch.no_grad()
    def selection(self) -> Selection:
        """The likeliest branch of each position."""
        return tuple(int(p.argmax()) for p in self.probabilities())

    def drawn(self) -> list[tuple[list[int], Tensor | None]]:
        """For each position, the branches to compute in this step and their weights (None: one branch, as it is).

        In training as `rule.sampling` says. A hard draw whose gradient nobody asks for computes one branch only. In
        evaluation the likeliest branch, or with `softmax` the mixture.
        """
        mixture = self.rule.sampling == "softmax"
        if not self.training and not mixture:
            return [([k], None) for k in self.selection()]
        logits = self.logits.masked_fill(~self.alive, -math.inf)
        result: list[tuple[list[int], Tensor | None]] = []
        for part, alive in zip(torch.split(logits, self.sizes), torch.split(self.alive, self.sizes), strict=True):
            active = torch.nonzero(alive).flatten().tolist()
            if len(active) == 1:
                result.append((active, None))
                continue
            living = part[alive]
            if mixture:
                weights = F.softmax(living / self.temperature, 0)
            else:
                weights = F.gumbel_softmax(living, self.temperature, self.rule.sampling == "gumbel_hard")
            if self.rule.sampling == "gumbel_hard" and not weights.requires_grad:
                result.append(([active[int(weights.argmax())]], None))
            else:
                result.append((active, weights))
        return result

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

    `network` is changed in place. `macs` are the forward MACs of an example in the last pass, from `branch_macs`:
    outside the choices, and of each branch.
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
        self.choices = Choices(supernet_graph.positions, rule)
        self.price(branch_macs)
        self.macs = self._macs_of([range(n) for n in self.choices.sizes])

    def price(self, branch_macs: tuple[float, list[list[float]]]) -> None:
        """Set the forward MACs outside the choices, and of each branch, at the widths that are computed now."""
        self._fixed_macs, self._branch_macs = branch_macs

    def forward(self, x: Tensor) -> Tensor:
        """The network's output with the branches of this step."""
        drawn = self.choices.drawn()
        places = [cast(LayerChoice, self.network.get_submodule(p.name)) for p in self.supernet_graph.positions]
        self.macs = self._macs_of([active for active, _ in drawn])
        for place, (active, weights) in zip(places, drawn, strict=True):
            place.active, place.mix.weights = active, weights
        result = super().forward(x)
        for place in places:
            place.active, place.mix.weights = range(len(place.branches)), None  # as if never searched, and copyable
        return result

    def evaluation_macs(self) -> float:
        """Forward MACs of an example in eval mode: of the likeliest network, or of the mixture."""
        if self.choices.rule.sampling != "softmax":
            return self._macs_of([[k] for k in self.choices.selection()])
        alive = torch.split(self.choices.alive, self.choices.sizes)
        return self._macs_of([torch.nonzero(part).flatten().tolist() for part in alive])

    def _macs_of(self, active: Sequence[Sequence[int]]) -> float:
        spent = (costs[k] for part, costs in zip(active, self._branch_macs, strict=True) for k in part)
        return self._fixed_macs + sum(spent)

    def plain_selection(self, selection: Selection) -> nn.Module:
        """A copy of the full-width network of these branches, without masks and choices."""
        return keep_branches(self.plain(), self.supernet_graph, selection)
