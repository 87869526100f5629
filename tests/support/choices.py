"""A small network with layer choices for tests."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from suite.models.layer_choice import LayerChoice
from suite.models.supernets import blocks
from suite.space.choice_space import ChoiceSpace


class ToyChoices(nn.Module):
    """Three positions: without and with identity, one with a residual sum around it; (2, 8, 8) -> 3 classes."""

    SHAPE = (2, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.first = LayerChoice(blocks(2, 6, 2, bias=True, identity=False))
        self.second = LayerChoice(blocks(6, 6, bias=False, identity=True))
        self.third = LayerChoice(blocks(6, 6, bias=True, identity=True, relu=False))
        self.fc = nn.Linear(6 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y = torch.relu(self.third(self.second(y)) + y)
        return self.fc(y.flatten(1))


def one_hot(space: ChoiceSpace, selection: Sequence[int]) -> list[Tensor]:
    """Probabilities that leave no doubt."""
    return [
        torch.nn.functional.one_hot(torch.tensor(k), len(p.branches)).double()
        for p, k in zip(space.positions, selection, strict=True)
    ]
