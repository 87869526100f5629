"""Augmentation of whole batches: random rotation, shift, zoom and mirroring in one indexing or resampling."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

ALTERNATE = "alternate"
"""`flip` of images that are mirrored in every other epoch."""


@dataclass(frozen=True)
class Affine:
    """A random affine map for every image of a batch.

    Each image is mirrored left to right with probability 1/2 (`flip`; with `flip: alternate` the training loop mirrors
    it in every other epoch instead, as in Jordan, arXiv 2404.00498), rotated by up to `rotate` degrees,
    magnified by a factor within 1 +- `zoom` and shifted by up to `shift` of its height and width; all are
    uniform and independent. Pixels from outside the image repeat its border (fill_mode="nearest" in Keras, as
    mlcommons/tiny 1afd2c9, benchmark/training/image_classification/train.py has it): unlike zeros, this suits
    inputs of any normalisation.

    Without `rotate` and `zoom`, images move by whole pixels, at most `shift` x size of them, as the usual random
    crop does: nothing is blurred, and a batch of 128 x 3 x 32 x 32 takes 0.24 ms on one core where the resampling
    takes 0.67 ms (pad and crop by unfold: 0.6 ms; resampling on torch's affine_grid: 1.3 ms). With either, pixels
    are interpolated bilinearly.

    Raises:
        ValueError: `rotate` is not in [0, 180], `shift` not in [0, 0.5], `zoom` not in [0, 0.9], or `flip` is neither
            true, false nor alternate.
    """

    rotate: float = 0.0
    shift: float = 0.0
    flip: Any = False
    zoom: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in (("rotate", 180.0), ("shift", 0.5), ("zoom", 0.9)):
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise ValueError(f"{name}={value} must lie between 0 and {limit:g}")
        if self.flip not in (True, False, ALTERNATE):
            raise ValueError(f"flip={self.flip}: choices are true, false, {ALTERNATE}")

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Augmented copy of `x` (N, C, H, W) in its type and memory format; `x` itself where all settings are zero.

        Random numbers are drawn on the generator's device, so that a CPU generator gives the same images on a
        GPU. Their number does not depend on the settings: a shift is the same with and without rotation.

        Raises:
            ValueError: x does not have four dimensions, or is not float where pixels are interpolated.
        """
        if not (self.rotate or self.shift or self.flip is True or self.zoom):
            return x
        if x.ndim != 4 or not (x.is_floating_point() or self.moves_whole_pixels):
            raise ValueError(f"x must be float (N, C, H, W), not {x.dtype} {tuple(x.shape)}")
        draws = torch.rand(5, len(x), generator=generator, device=generator.device)
        draws = draws.to(x.device, non_blocking=True)
        moved = self._move_pixels(x, draws) if self.moves_whole_pixels else self._resample(x, draws)
        return moved.contiguous(memory_format=_layout(x))

    @property
    def moves_whole_pixels(self) -> bool:
        """Whether no pixel is interpolated, so that images of bytes can be augmented as they are."""
        return not (self.rotate or self.zoom)

    def _move_pixels(self, x: Tensor, draws: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        columns = torch.arange(width, device=x.device).expand(n, width)
        columns = torch.where(self._mirrored(draws)[:, None], width - 1 - columns, columns)
        columns = (columns + self._pixels(draws[1], width)).clamp(0, width - 1)
        rows = torch.arange(height, device=x.device) + self._pixels(draws[2], height)
        rows = rows.clamp(0, height - 1)
        rows = rows + height * torch.arange(n, device=x.device)[:, None]
        index = rows[:, :, None] * width + columns[:, None, :]
        # Copies whole pixels, which lie together in channels_last.
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, index.view(-1))
        return pixels.view(n, height, width, channels).permute(0, 3, 1, 2)

    def _pixels(self, draw: Tensor, size: int) -> Tensor:
        max_shift = int(self.shift * size + 1e-6)
        return ((draw * (2 * max_shift + 1)).long() - max_shift)[:, None]

    def _mirrored(self, draws: Tensor) -> Tensor:
        return draws[0] < (0.5 if self.flip is True else 0.0)

    def _resample(self, x: Tensor, draws: Tensor) -> Tensor:
        # bfloat16 is too coarse for the positions of neighbouring pixels
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        grid = self._grid(draws, x.shape[2], x.shape[3]).to(wide.dtype)
        return grid_sample(wide, grid, padding_mode="border", align_corners=False).to(x.dtype)

    def _grid(self, draws: Tensor, height: int, width: int) -> Tensor:
        """Source position (N, H, W, 2) of each output pixel, in [-1, 1] along both axes."""
        signed = 2 * draws[:, :, None] - 1
        angle = signed[3] * math.radians(self.rotate)
        scale = 1 / (1 + self.zoom * signed[4])
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        x = (2 * torch.arange(width, device=draws.device) + 1) / width - 1
        y = (2 * torch.arange(height, device=draws.device) + 1) / height - 1
        x = torch.where(self._mirrored(draws)[:, None], -x, x)
        # A map is a row's part plus a column's part, so the sum over all pixels is one addition; unlike the
        # product of torch's affine_grid it also keeps full precision under autocast. A share s of the size is
        # 2 s of the interval.
        columns = torch.stack([cos * x, sin * x * (width / height)], dim=1)
        rows = torch.stack([-sin * y * (height / width), cos * y], dim=1)
        rows = rows + 2 * self.shift * signed[1:3].permute(1, 0, 2)
        return (rows[:, :, :, None] + columns[:, :, None, :]).permute(0, 2, 3, 1)


def mirror(x: Tensor, which: Tensor) -> Tensor:
    """Copy of images `x` (N, C, H, W) of any type; those with true in `which` (N,) are mirrored left to right."""
    mirrored = torch.where(which.to(x.device, non_blocking=True)[:, None, None, None], x.flip(-1), x)
    return mirrored.contiguous(memory_format=_layout(x))


def _layout(x: Tensor) -> torch.memory_format:
    """The memory format of images `x`; one channel or one pixel fits both."""
    channels_last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
