"""A limit on what a method may cost, `method.cost_limit`: the one definition for all methods.

Its unit is one standard training of the seed (`Meter.standard_macs`); what counts is what the meter charges: MACs x
samples, a training step three times its forward pass, a pass over the validation data after each epoch, and the
harness's own pass for each network that is returned. All of it is known before it is spent, so that a limit is kept
exactly and a limit that is too small is refused before anything is trained.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from suite.task.meter import TRAINING_FACTOR, Meter
from suite.task.recipe import Recipe
from suite.task.task import Task

_EXPECTED_SHARE = 0.5
"""MACs of a found network over the seed's, as far as they are guessed before the search: sets how much of a limit is
kept for fine-tuning, never whether the limit holds."""


@dataclass(frozen=True)
class Lengths:
    """Epochs of a method's phases; a method without a search has 0 there."""

    warmup: int
    search: int
    finetune: int

    @classmethod
    def of(cls, recipe: Recipe) -> "Lengths":
        """The recipe's own."""
        return cls(recipe.epochs, recipe.search_epochs or recipe.epochs, recipe.finetune_epochs or recipe.epochs)

    def shortened(self) -> Iterator["Lengths"]:
        """These lengths and then shorter ones in the same proportion, longest first; a phase keeps one epoch."""
        longest = max(self.warmup, self.search, self.finetune)
        for part in range(longest, 0, -1):
            yield Lengths(*(min(n, max(1, n * part // longest)) for n in (self.warmup, self.search, self.finetune)))


def check_cost_limit(limit: float | None) -> None:
    """Refuse a limit that is neither null nor a positive, finite number.

    Raises:
        ValueError: naming key, value and what is allowed.
    """
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"method.cost_limit={limit}: a positive number of standard trainings, or null for none")


def epoch_macs(task: Task, macs: float) -> float:
    """MACs x samples of one epoch of a network with `macs` forward MACs, its validation pass included."""
    return TRAINING_FACTOR * macs * len(task.train) + validation_macs(task, macs)


def searched_macs(task: Task) -> float:
    """Forward MACs of what is warmed up and searched: the seed, or all branches of the supernet."""
    return task.space.reference_costs["macs"] if task.choices is None else task.choices.all_branches_macs


def largest_macs(task: Task) -> float:
    """Forward MACs of the largest network that a search can end with: the seed, where masks are searched."""
    return task.space.reference_costs["macs"] if task.choices is None else task.choices.largest_macs


def search_epoch_macs(task: Task) -> float:
    """MACs x samples of one epoch of a search, at most: layer choices are trained on the validation data besides."""
    macs = searched_macs(task)
    second_pass = 0.0 if task.choices is None else TRAINING_FACTOR * macs * len(task.validation)
    return epoch_macs(task, macs) + second_pass


def validation_macs(task: Task, macs: float) -> float:
    """MACs x samples of one pass over the validation data."""
    return macs * len(task.validation)


def macs_left(task: Task, meter: Meter, limit: float) -> float:
    """MACs x samples that `limit` (standard trainings) leaves after what `meter` was charged; negative if exceeded."""
    return limit * task.standard_macs - meter.total().macs


def epochs_within(
    task: Task, meter: Meter, macs: float, limit: float, at_most: int | None = None, *, at_least: int = 1
) -> int:
    """How many epochs of a network, each with a validation pass, fit into what is left of a limit.

    The harness's pass over the validation data for this network is kept back.

    Args:
        task: how many samples an epoch and a validation pass have.
        meter: what was charged already.
        macs: the network's forward MACs.
        limit: in standard trainings of the seed.
        at_most: an upper bound on the result, none where None.
        at_least: what must fit.

    Raises:
        ValueError: `at_least` do not fit; the message names the smallest limit with which they would.
    """
    kept_back = validation_macs(task, macs)
    epochs = int((macs_left(task, meter, limit) - kept_back) // epoch_macs(task, macs))
    if epochs < at_least:
        raise too_small(task, limit, meter.total().macs + kept_back + at_least * epoch_macs(task, macs))
    return epochs if at_most is None else min(epochs, at_most)


def expected_macs(task: Task, lengths: Lengths, *, one_shot: bool = True) -> float:
    """What searching and fine-tuning one network is taken to cost before it is known, in MACs x samples.

    A search that is not `one_shot` trains networks of the space one at a time, never all branches of a supernet.

    Fine-tuning is guessed at half of the largest network's MACs (the seed's, where masks are searched), at least one
    epoch at all of them. The harness's pass over the validation data is counted.
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
) -> Lengths:
    """The lengths with which a method of several phases stays within a limit.

    They are `designed` where warm-up and `searches` times the `expected_macs` fit, else shorter in proportion. One
    epoch of fine-tuning then fits whatever is found; how many more do is for `epochs_within` to say, afterwards.

    Raises:
        ValueError: not one epoch of each phase fits; the message names the smallest limit with which it would.
    """
    if limit is None:
        return designed
    needed = math.inf
    for lengths in designed.shortened():
        warmup = lengths.warmup * epoch_macs(task, searched_macs(task))
        needed = warmup + searches * expected_macs(task, lengths, one_shot=one_shot)
        if needed <= limit * task.standard_macs:
            return lengths
    raise too_small(task, limit, needed)


def too_small(task: Task, limit: float, macs: float, what: str = "not one epoch of each phase fits") -> ValueError:
    """The refusal of a limit that would have to pay for `macs` (MACs x samples)."""
    least = macs / task.standard_macs
    unit = 10.0 ** (math.floor(math.log10(least)) - 3)
    least = (math.floor(least / unit) + 1) * unit  # four digits, rounded up: what the message says is enough
    return ValueError(f"method.cost_limit={limit:g}: {what}; it must be at least {least:.4g} standard trainings here")
