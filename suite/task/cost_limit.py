"""A limit on the cost of a run, `method.cost_limit`: the one definition for all methods.

Its unit is one standard training of the reference network (`Meter.standard_macs`). It limits what the meter charges, in
MACs x samples: a training step counts three times its forward pass, each epoch ends with a pass over the validation
data, and the harness makes one more such pass for each network that is returned. All of it is known before it is spent,
so that a limit is never exceeded, and one that is too small is refused before anything is trained. What is decided
before a search takes every image at its full size; a training that begins with smaller ones then has more epochs.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from suite.task.checks import is_positive
from suite.task.meter import TRAINING_FACTOR, Meter
from suite.task.optimisation import Optimisation
from suite.task.recipe import Recipe
from suite.task.task import Task
from suite.task.training_inputs import TrainingInputs

_EXPECTED_SHARE = 0.5
"""Assumed MACs of the network that a search ends with, relative to the reference network's. They set how much of a
limit is reserved for fine-tuning, never whether the limit holds."""


@dataclass(frozen=True)
class Lengths:
    """Epochs of a method's phases; `search` is 0 for a method without a search."""

    warmup: int
    search: int
    finetune: int

    @classmethod
    def of(cls, recipe: Recipe) -> "Lengths":
        """The recipe's lengths."""
        return cls(recipe.epochs, recipe.search_epochs or recipe.epochs, recipe.finetune_epochs or recipe.epochs)

    def shortened(self) -> Iterator["Lengths"]:
        """These lengths and then shorter ones in the same proportion, longest first; no phase loses its last epoch."""
        longest = max(self.warmup, self.search, self.finetune)
        for part in range(longest, 0, -1):
            yield Lengths(*(min(n, max(1, n * part // longest)) for n in (self.warmup, self.search, self.finetune)))


def check_cost_limit(limit: float | None) -> None:
    """Refuse a limit that is neither null nor a positive, finite number.

    Raises:
        ValueError: naming key, value and what is allowed.
    """
    if limit is not None and not is_positive(limit):
        raise ValueError(f"method.cost_limit={limit}: a positive number of standard trainings, or null for none")


def epoch_macs(task: Task, macs: float) -> float:
    """MACs x samples of training a network with `macs` forward MACs for one epoch, the validation pass included."""
    return TRAINING_FACTOR * macs * len(task.train) + validation_macs(task, macs)


def searched_macs(task: Task) -> float:
    """Forward MACs of the network in warm-up and search: the reference network, or all branches of the supernet."""
    return task.space.reference_costs["macs"] if task.choices is None else task.choices.all_branches_macs


def largest_macs(task: Task) -> float:
    """Forward MACs of the largest network that a search can end with; with masks that is the reference network."""
    return task.space.reference_costs["macs"] if task.choices is None else task.choices.largest_macs


def search_epoch_macs(task: Task) -> float:
    """Largest cost of one search epoch, in MACs x samples; layer choices are also trained on the validation data."""
    macs = searched_macs(task)
    second_pass = 0.0 if task.choices is None else TRAINING_FACTOR * macs * len(task.validation)
    return epoch_macs(task, macs) + second_pass


def validation_macs(task: Task, macs: float) -> float:
    """MACs x samples of one pass over the validation data."""
    return macs * len(task.validation)


def strength_loss_macs(task: Task) -> float:
    """MACs x samples of measuring L of Eq. 13 before a search; 0 where it is the warm-up's training loss."""
    return searched_macs(task) * len(task.train) if task.recipe.strength_loss == "plain" else 0.0


def macs_left(task: Task, meter: Meter, limit: float) -> float:
    """MACs x samples of `limit` (standard trainings) that `meter` has not been charged yet; negative if exceeded."""
    return limit * task.standard_macs - meter.total().macs


def training_macs(task: Task, network: nn.Module, macs: float, settings: Optimisation, epochs: int) -> float:
    """MACs x samples of training `network`, of `macs` forward MACs, with each epoch's validation pass.

    Epochs on smaller images (`Optimisation.sizes`) cost less.
    """
    share = TrainingInputs(task, network).macs_share
    sizes = Counter(settings.size(epoch, epochs) for epoch in range(epochs))
    of_full_size = sum(count * share(size) for size, count in sizes.items())
    return TRAINING_FACTOR * macs * len(task.train) * of_full_size + epochs * validation_macs(task, macs)


def epochs_within(
    task: Task,
    meter: Meter,
    network: nn.Module,
    settings: Optimisation,
    limit: float,
    at_most: int | None = None,
    *,
    at_least: int = 1,
) -> int:
    """How many epochs of a training, each with a validation pass, fit into the rest of a limit.

    The harness's pass over the validation data for this network is reserved.

    Args:
        task: how many samples an epoch and a validation pass have.
        meter: what has been charged so far.
        network: what is to be trained.
        settings: of the training.
        limit: in standard trainings of the reference network.
        at_most: an upper bound on the result, none where None.
        at_least: how many epochs must fit.

    Raises:
        ValueError: fewer than `at_least` fit; the message names the smallest limit with which they would.
    """
    macs = task.hardware.measure(network, task.input_shape)["macs"]
    reserved = validation_macs(task, macs)

    def cost(epochs: int) -> float:
        return reserved + training_macs(task, network, macs, settings, epochs)

    left = macs_left(task, meter, limit)
    if cost(at_least) > left:
        raise too_small(task, limit, meter.total().macs + cost(at_least))
    most = at_least
    while cost(2 * most + 1) <= left:
        most = 2 * most + 1
    fitting = range(at_least, 2 * most + 2)  # the last one does not fit
    epochs = fitting[bisect_right(fitting, left, key=cost) - 1]
    return epochs if at_most is None else min(epochs, at_most)


def expected_macs(task: Task, lengths: Lengths, *, one_shot: bool = True) -> float:
    """Estimated cost of searching and fine-tuning one network, in MACs x samples, before the search.

    Fine-tuning is estimated at half of the largest network's MACs, but as at least one epoch at all of them. The
    harness's pass over the validation data is included.

    Args:
        task: what is trained on.
        lengths: epochs of the phases.
        one_shot: whether all branches of a supernet are trained together in the search, or one network at a time.
    """
    macs = largest_macs(task)
    finetuning = max(1.0, _EXPECTED_SHARE * lengths.finetune) * epoch_macs(task, macs)
    epoch = search_epoch_macs(task) if one_shot else epoch_macs(task, macs)
    return lengths.search * epoch + finetuning + validation_macs(task, macs)


def lengths_within(
    task: Task,
    limit: float | None,
    designed: Lengths,
    *,
    searches: int = 1,
    one_shot: bool = True,
    other_macs: float = 0.0,
) -> Lengths:
    """The lengths with which a method of several phases stays within a limit.

    They are `designed` where warm-up and `searches` times the `expected_macs` fit, else shorter in proportion. Whatever
    network a search ends with, one epoch of fine-tuning then fits; after the search, `epochs_within` tells how many do.

    Args:
        task: what is trained on.
        limit: in standard trainings of the reference network, None for none.
        designed: the lengths without a limit.
        searches: how many networks are searched and fine-tuned after one warm-up.
        one_shot: as in `expected_macs`.
        other_macs: what else the method spends, in MACs x samples.

    Raises:
        ValueError: not one epoch of each phase fits; the message names the smallest limit with which it would.
    """
    if limit is None:
        return designed
    needed = math.inf
    for lengths in designed.shortened():
        warmup = lengths.warmup * epoch_macs(task, searched_macs(task))
        needed = other_macs + warmup + searches * expected_macs(task, lengths, one_shot=one_shot)
        if needed <= limit * task.standard_macs:
            return lengths
    raise too_small(task, limit, needed)


def too_small(task: Task, limit: float, macs: float, what: str = "not one epoch of each phase fits") -> ValueError:
    """The error for a limit below `macs` (MACs x samples); the message names the smallest limit that suffices."""
    least = macs / task.standard_macs
    unit = 10.0 ** (math.floor(math.log10(least)) - 3)
    least = (math.floor(least / unit) + 1) * unit  # rounded up to four digits
    return ValueError(f"method.cost_limit={limit:g}: {what}; it must be at least {least:.4g} standard trainings here")
