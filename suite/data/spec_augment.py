"""Masking of spectral features in training."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SpecAugment:
    """Sets a random block of frames, and one of coefficients, to zero, independently for every clip of a batch.

    A block has up to `frames` frames (`coefficients` coefficients), uniformly, at a uniform place: one time mask and
    one frequency mask of SpecAugment (Park et al., arXiv 1904.08779), without its time warping. Zero is the mean of
    standardised features.

    Raises:
        ValueError: a number is negative.
    """

    frames: int = 0
    coefficients: int = 0

    def __post_init__(self) -> None:
        for name in ("frames", "coefficients"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 0")

    def __call__(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Masked copy of `features` (N, C, T, F), or `features` itself where nothing is to be masked.

        Random numbers are drawn on the generator's device.
        """
        if not (self.frames or self.coefficients):
            return features
        draws = torch.rand(4, len(features), generator=generator, device=generator.device)
        draws = draws.to(features.device, non_blocking=True)
        masked = _block(draws[0], draws[1], self.frames, features.shape[2])[:, None, :, None]
        masked = masked | _block(draws[2], draws[3], self.coefficients, features.shape[3])[:, None, None, :]
        return features.masked_fill(masked, 0)


def _block(length: Tensor, place: Tensor, longest: int, size: int) -> Tensor:
    """(N, size), true within each clip's block; `length` and `place` (N,) are uniform in [0, 1)."""
    longest = min(longest, size)
    lengths = (length * (longest + 1)).long()
    starts = (place * (size - lengths + 1)).long()
    positions = torch.arange(size, device=length.device)
    return (positions >= starts[:, None]) & (positions < (starts + lengths)[:, None])
