import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.splits import stratified_validation

# without a deadline: a test that asserts a law should not also assert a time
PROPERTY = settings(deadline=None)
LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=200).map(
    lambda labels: np.array([*labels, *(4 * [0, 1, 2, 3])], dtype=np.int64)
)


@PROPERTY
@given(LABELS, st.floats(0.01, 0.7))
def test_takes_the_asked_share_of_every_class_to_the_nearest_example(y, share):
    sizes = np.bincount(y)
    taken = np.bincount(y[stratified_validation(y, share=share)])
    assert (np.abs(taken - np.maximum(1, share * sizes)) <= 0.5).all()


@PROPERTY
@given(LABELS, st.integers(0, 2**31))
def test_does_not_depend_on_any_seed(y, seed):
    expected = stratified_validation(y, share=0.3)
    np.random.seed(seed)
    assert (stratified_validation(y, share=0.3) == expected).all()


@PROPERTY
@given(LABELS)
def test_does_not_depend_on_the_names_of_the_classes(y):
    assert (stratified_validation(y, share=0.3) == stratified_validation(9 - y, share=0.3)).all()


def test_the_choice_is_the_same_for_ever():
    mask = stratified_validation(np.arange(40) % 2, share=0.15)
    assert np.flatnonzero(mask).tolist() == [4, 8, 9, 10, 29, 39]


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0.0, "share=0.0 must"),
        (1.0, "share=1.0 must"),
        (float("nan"), "share=nan must"),
        (0.9, "class 1 has 4 examples"),
    ],
)
def test_refuses_a_share_out_of_range_or_that_leaves_none_to_train(share, message):
    with pytest.raises(ValueError, match=message):
        stratified_validation(np.array([0] * 20 + [1] * 4), share=share)


def test_the_official_split_of_a_real_pack_is_this_one(packs):
    with np.load(packs / "image_classification.npz") as pack:
        y, split = pack["y"], pack["split"]
    training = split != 2
    mask = stratified_validation(y[training], share=0.1)
    assert (mask == (split[training] == 1)).all()
