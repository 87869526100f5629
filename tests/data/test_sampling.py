"""An epoch's order: a permutation, or as many examples of every class."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.data.sampling import batches, epoch_order

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(LABELS)
def test_unbalanced_every_example_comes_once(labels: list[int]) -> None:
    order = epoch_order(torch.tensor(labels), _generator(), balanced=False)
    assert sorted(order.tolist()) == list(range(len(labels)))


@given(LABELS)
def test_balanced_epochs_have_the_same_length(labels: list[int]) -> None:
    assert len(epoch_order(torch.tensor(labels), _generator(), balanced=True)) == len(labels)


def test_balanced_classes_come_equally_often() -> None:
    y = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    drawn = torch.bincount(y[epoch_order(y, _generator(), balanced=True)])
    assert drawn.max() - drawn.min() <= 2


def test_no_example_repeats_before_all_others_of_its_class_came() -> None:
    y = torch.tensor([0] * 90 + [1] * 10)
    times = torch.bincount(epoch_order(y, _generator(), balanced=True), minlength=100)
    assert times[y == 1].min() >= 4
    assert times[y == 1].max() <= 5
    assert times[y == 0].max() == 1


def test_the_generator_decides() -> None:
    y = torch.arange(100) % 3
    assert torch.equal(epoch_order(y, _generator(1), balanced=True), epoch_order(y, _generator(1), balanced=True))
    assert not torch.equal(epoch_order(y, _generator(1), balanced=True), epoch_order(y, _generator(2), balanced=True))


def test_a_last_batch_of_one_example_is_left_out() -> None:
    assert [len(batch) for batch in batches(torch.arange(9), 4)] == [4, 4]
    assert [len(batch) for batch in batches(torch.arange(10), 4)] == [4, 4, 2]
