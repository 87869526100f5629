"""Masks over frames and coefficients of spectral features."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from suite.data.spec_augment import SpecAugment

N, FRAMES, COEFFICIENTS = 64, 49, 10


def _masked(frames: int, coefficients: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return SpecAugment(frames, coefficients)(torch.ones(N, 1, FRAMES, COEFFICIENTS), generator)[:, 0] == 0


def _is_block(row: Tensor) -> bool:
    """Whether what is true lies in one piece."""
    return int((row[1:] != row[:-1]).sum()) + int(row[0]) + int(row[-1]) in (0, 2)


@given(st.integers(0, 60), st.integers(0, 12), st.integers(0, 1000))
def test_each_clip_loses_one_block_of_each_axis(frames: int, coefficients: int, seed: int) -> None:
    for clip in _masked(frames, coefficients, seed):
        rows, columns = clip.all(1), clip.all(0)
        if not rows.all() and not columns.all():
            assert _is_block(rows)
            assert int(rows.sum()) <= frames
            assert _is_block(columns)
            assert int(columns.sum()) <= coefficients
            assert torch.equal(clip, rows[:, None] | columns[None, :])


def test_every_length_and_place_occurs() -> None:
    lengths = {int(clip.all(1).sum()) for seed in range(20) for clip in _masked(4, 0, seed)}
    assert lengths == {0, 1, 2, 3, 4}
    hidden = torch.stack([_masked(4, 0, seed) for seed in range(20)]).any(1).any(0).any(1)
    assert hidden.all()


def test_clips_differ_and_the_seed_decides() -> None:
    assert torch.equal(_masked(8, 2), _masked(8, 2))
    assert not torch.equal(_masked(8, 2)[0], _masked(8, 2)[1])


def test_without_masks_the_features_are_returned_as_they_are() -> None:
    x = torch.randn(N, 1, FRAMES, COEFFICIENTS)
    assert SpecAugment()(x, torch.Generator()) is x


@pytest.mark.parametrize("name", ["frames", "coefficients"])
def test_negative_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=-1"):
        SpecAugment(**{name: -1})
