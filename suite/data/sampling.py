"""The order of an epoch's training examples, and its batches."""

import torch
from torch import Tensor


def epoch_order(y: Tensor, generator: torch.Generator, *, balanced: bool) -> Tensor:
    """Indices (N,) of the examples of one epoch over labels `y` (N,), in random order.

    An epoch holds each example once or, `balanced`, every class equally often: N / classes examples of each, give or
    take one. Examples of rare classes repeat, but none is drawn again before all others of its class are.
    """
    if not balanced:
        return torch.randperm(len(y), generator=generator)
    labels = torch.unique(y)
    share = -(-len(y) // len(labels))
    drawn = torch.cat([_cycle(torch.nonzero(y == label).flatten(), share, generator) for label in labels])
    return drawn[torch.randperm(len(drawn), generator=generator)[: len(y)]]


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Cut indices (N,) into batches of `size`; a last batch of one example is left out: batch norm fails on it."""
    return [batch for batch in torch.split(order, size) if len(batch) > 1]


def _cycle(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Repeat `members` until there are `count`, each repetition in a new random order."""
    rounds = -(-count // len(members))
    order = [members[torch.randperm(len(members), generator=generator)] for _ in range(rounds)]
    return torch.cat(order)[:count]
