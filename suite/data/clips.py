"""Clips of sound (N, samples), int16 or float in [-1, 1]."""

import torch
from torch import Tensor


def check_clips(clips: Tensor, samples: int, name: str = "clips") -> None:
    """Refuse what is no clips of at least `samples` samples.

    Raises:
        ValueError: naming `name`, and what is wrong.
    """
    if clips.ndim != 2 or not len(clips) or not (clips.is_floating_point() or clips.dtype == torch.int16):
        raise ValueError(f"{name} must be int16 or float (N > 0, samples), not {clips.dtype} {tuple(clips.shape)}")
    if clips.shape[1] < samples:
        raise ValueError(f"{name} must have at least {samples} samples, not {clips.shape[1]}")


def to_full_scale(sound: Tensor) -> Tensor:
    """Convert to float32; int16 is divided by 2^15."""
    return sound.float() if sound.is_floating_point() else sound.float() / 2.0**15
