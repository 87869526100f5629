"""When a channel that has closed in a search can never open again, so that it need not be computed any more."""

import math

from suite.dnas.masks import THRESHOLD


def stays_closed(optimiser: str, lr: float) -> bool:
    """Whether momentum cannot open a closed channel again, so that taking it out of the network changes no decision.

    A closed channel has no gradient but that of the costs, which draws |alpha| to 0. Adam's momentum can carry alpha
    beyond 0, and would have to carry it past -0.5. With m and v decaying by b1 and b2, |m| / sqrt(v) is at most
    (1 - b1) / sqrt((1 - b2) (1 - b1^2 / b2)), by Cauchy and Schwarz, whatever the gradients were, and falls by
    b1 / sqrt(b2) in each step on the other side, where gradients point back: alpha travels at most the sum of this
    geometric series times the learning rate. That of SGD's momentum has no bound that holds for all gradients.

    Args:
        optimiser: its name in a recipe.
        lr: the masks' learning rate, the largest of the search.
    """
    if optimiser not in ("adam", "adamw"):
        return False
    b1, b2 = 0.9, 0.999  # PyTorch's defaults
    largest_step = lr * (1 - b1) / math.sqrt((1 - b2) * (1 - b1**2 / b2))
    return largest_step / (1 - b1 / math.sqrt(b2)) < THRESHOLD
