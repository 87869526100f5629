"""Which training examples an epoch visits, in which order, and how many at once."""

import torch
from torch import Tensor


def epoch_order(y: Tensor, generator: torch.Generator, *, balanced: bool) -> Tensor:
    """Indices (N,) of one epoch over labels `y` (N,): each example once, or classes drawn equally often.

    Balanced, an epoch still has N examples. Every class gets N / classes of them, give or take one, and goes through
    its own examples in random order as often as that takes: rare ones repeat, none is drawn twice before all others
    of its class are.
    """
    if not balanced:
        return torch.randperm(len(y), generator=generator)
    labels = torch.unique(y)
    share = -(-len(y) // len(labels))
    drawn = torch.cat([_cycle(torch.nonzero(y == label).flatten(), share, generator) for label in labels])
    return drawn[torch.randperm(len(drawn), generator=generator)[: len(y)]]


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Indices (N,) in batches of `size`; a rest of one example, which batch norm cannot take, is left out."""
    return [batch for batch in torch.split(order, size) if len(batch) > 1]


def _cycle(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of `members`, in a new random order each time round."""
    rounds = -(-count // len(members))
    order = [members[torch.randperm(len(members), generator=generator)] for _ in range(rounds)]
    return torch.cat(order)[:count]
