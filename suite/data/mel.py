"""Mel filter banks on short-time spectra, from which the features of sound in `suite.data.audio` are computed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# The intermediate results of this many clips fit a core's cache: MFCCs of 100 clips take 5 ms instead of 7 ms.
_CLIPS_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class FilterBank:
    """A periodic Hann window (samples,) and mel filters (bins, mels) over those `bins` of the DFT that they weigh."""

    window: Tensor
    filters: Tensor
    bins: slice
    n_fft: int

    @classmethod
    def create(cls, window: int, n_fft: int, filters: Tensor, device: torch.device) -> "FilterBank":
        """Filter bank in float32 on `device` with a window of `window` samples and `filters` (n_fft // 2 + 1, mels).

        Raises:
            ValueError: no filter touches any bin.
        """
        touched = filters.any(1).nonzero()
        if not len(touched):
            raise ValueError(f"n_fft={n_fft} has no bin among the filters: raise it, or widen their range")
        bins = slice(int(touched[0]), int(touched[-1]) + 1)
        hann = torch.hann_window(window, periodic=True, dtype=torch.float64)
        return cls(hann.float().to(device), filters[bins].float().to(device), bins, n_fft)

    def energies(self, sound: Tensor, hop: int, *, power: int) -> Tensor:
        """Mel energies (N, frames, mels) of sound (N, samples).

        With `power` 1 the filters weigh the spectrum's magnitudes, with 2 their squares. Frames begin every `hop`
        samples and lie within the sound.
        """
        frames = sound.unfold(1, len(self.window), hop) * self.window
        # Faster than torch.stft, and than the DFT as a matrix product: 2 ms for 100 clips of 49 frames, not 14.
        spectrum = torch.view_as_real(torch.fft.rfft(frames, self.n_fft)[..., self.bins])
        # The absolute value of complex numbers takes four times as long.
        squares = (spectrum[..., 0] * spectrum[..., 0]).addcmul_(spectrum[..., 1], spectrum[..., 1])
        return (squares if power == 2 else squares.sqrt_()) @ self.filters


def bin_frequencies(n_fft: int, rate: int) -> Tensor:
    """Frequencies (n_fft // 2 + 1,) float64 in Hz of a DFT's bins."""
    return torch.arange(n_fft // 2 + 1, dtype=torch.float64) * rate / n_fft


def triangles(positions: Tensor, edges: Tensor) -> Tensor:
    """Heights (positions, B) of B triangles at `positions`; edges has B + 2 entries, both are float64.

    Triangle b rises from 0 at edges[b] to 1 at edges[b+1] and falls to 0 at edges[b+2].
    """
    widths = edges.diff()
    rising = (positions[:, None] - edges[:-2]) / widths[:-1]
    falling = (edges[2:] - positions[:, None]) / widths[1:]
    return torch.minimum(rising, falling).clamp_min(0)


def slaney_edges(mels: int, f_max: float) -> Tensor:
    """Edges (mels + 2,) float64 in Hz from 0 to `f_max`, spaced evenly on Slaney's scale.

    On this scale (Slaney's Auditory Toolbox, librosa's default) a mel is 200/3 Hz up to 1 kHz; above, 27 mels are a
    factor of 6.4 in frequency.
    """
    top = f_max * 3 / 200 if f_max < 1000 else 15 + 27 * math.log(f_max / 1000, 6.4)
    at = torch.linspace(0, top, mels + 2, dtype=torch.float64)
    return torch.where(at < 15, at * 200 / 3, 1000 * 6.4 ** ((at - 15) / 27))


def dct(size: int, coefficients: int, *, ortho: bool) -> Tensor:
    """First columns (size, coefficients) float64 of the DCT-II scaled by sqrt(2 / size).

    `ortho` makes it orthogonal: the first column is scaled by another 1 / sqrt(2).
    """
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) * math.pi / size
    matrix = torch.cos(centres[:, None] * torch.arange(coefficients)) * math.sqrt(2 / size)
    if ortho:
        matrix[:, 0] /= math.sqrt(2)
    return matrix


def compute_in_parts(features: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """Compute `features` of clips (N, samples), on a CPU a few clips at a time; in full precision, also in autocast."""
    size = _CLIPS_AT_ONCE if clips.device.type == "cpu" else len(clips)
    with torch.autocast(clips.device.type, enabled=False):
        return torch.cat([features(part) for part in torch.split(clips, size)])
