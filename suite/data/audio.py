"""Sound: MFCCs of whole batches, windows of frames, and augmentation of waveforms."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from suite.data.clips import check_clips, to_full_scale
from suite.data.mel import FilterBank, bin_frequencies, compute_in_parts, dct, triangles
from suite.data.wav import RATE

VARIANTS = ("mlperf", "paper")
"""The two definitions of MFCCs; see `Mfcc`."""
_FRAME_MS = 20.0


@dataclass(frozen=True)
class Mfcc:
    """Mel-frequency cepstral coefficients of clips at `rate` Hz; the defaults are MLPerf Tiny's keyword spotting.

    Frames of `window` samples, `hop` apart, go through a periodic Hann window, a DFT of `n_fft` points, `mels`
    triangular filters spaced evenly between `f_min` and `f_max` on the scale ln(1 + f / 700), ln(. + 1e-6) and a
    DCT-II scaled by sqrt(2 / mels); the result are its first `coefficients`.

    The variant "mlperf" is that of mlcommons/tiny 1afd2c9, benchmark/training/keyword_spotting/get_dataset.py, "paper"
    that of eml-eda/pytorch-benchmarks 509401c, pytorch_benchmarks/keyword_spotting/data.py:

    | variant | mlperf (TensorFlow's signal module) | paper (torchaudio's MFCC, norm="ortho", log_mels=True) |
    |---|---|---|
    | amplitude | divided by the clip's maximum (not of the absolute values) | int16 / 2^15, float as it is |
    | spectrum | magnitude | power |
    | frame i begins at | i hop | i hop + (n_fft - window) / 2 |
    | filters' sides | straight over the mel scale, DC left out | straight over frequency |
    | coefficient 0 | - | times 1 / sqrt(2) |

    A clip of 16,000 samples has 49 frames in both. In "mlperf", a silent clip stays 0, and a clip without positive
    samples is divided by its largest absolute value.

    Raises:
        ValueError: no such variant, or a number out of range.
    """

    variant: str = "mlperf"
    window: int = 480
    hop: int = 320
    n_fft: int = 512
    mels: int = 40
    coefficients: int = 10
    f_min: float = 20.0
    f_max: float = 4000.0
    rate: int = RATE

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"variant={self.variant}: no such variant. Choices: {', '.join(VARIANTS)}")
        for name, limit in (("n_fft", self.rate), ("window", self.n_fft), ("hop", self.n_fft), ("mels", self.n_fft)):
            _check(name, getattr(self, name), 1, limit)
        _check("coefficients", self.coefficients, 1, self.mels)
        _check("f_max", self.f_max, 1, self.rate / 2)
        _check("f_min", self.f_min, 0, self.f_max - 1)

    def __call__(self, clips: Tensor) -> Tensor:
        """Coefficients (N, frames, coefficients) float32, also in autocast, of clips (N, samples) int16 or float.

        Raises:
            ValueError: the clips have other dimensions or another type, or fewer samples than one frame needs.
        """
        check_clips(clips, self.window + self._margins[0] + self._margins[1])
        return compute_in_parts(self._coefficients, clips)

    def _coefficients(self, clips: Tensor) -> Tensor:
        (bank, transform), (before, after) = _mfcc_tables(self, clips.device), self._margins
        sound = clips.float() / _peak(clips) if self.variant == "mlperf" else to_full_scale(clips)
        sound = sound[:, before : sound.shape[1] - after]
        mel = bank.energies(sound, self.hop, power=1 if self.variant == "mlperf" else 2)
        return (mel + 1e-6).log_() @ transform

    @property
    def _margins(self) -> tuple[int, int]:
        """Samples before and after a clip's frames: torch centres a short window among n_fft samples."""
        spare = self.n_fft - self.window if self.variant == "paper" else 0
        return spare // 2, spare - spare // 2


def sliding_windows(frames: Tensor, width: int = 5) -> Tensor:
    """Concatenate each `width` consecutive frames of (N, T, F): (N, T - width + 1, width F), a view if contiguous.

    For example, 5 of 200 frames with 128 mel bands give the 196 windows of 640 values of MLPerf Tiny's autoencoder.

    Raises:
        ValueError: other dimensions, or `width` is not in 1..T.
    """
    if frames.ndim != 3 or not 1 <= width <= frames.shape[1]:
        raise ValueError(f"width={width} must lie between 1 and T of (N, T, F), which is {tuple(frames.shape)}")
    return frames.unfold(1, width, 1).transpose(2, 3).flatten(2)


@dataclass(frozen=True)
class WaveAugmentation:
    """Random shift in time and random background noise, independently for every clip of a batch.

    A clip is shifted by up to `shift_ms` milliseconds either way, uniformly; the gap is filled with zeros. With
    `noise_probability`, a random section of a random recording is added, multiplied by a volume uniform in
    [0, `noise_volume`]. MLPerf Tiny has 0.8 and 0.1 (mlcommons/tiny 1afd2c9,
    benchmark/training/keyword_spotting/get_dataset.py).

    Raises:
        ValueError: `shift_ms` is not in [0, 1000], or one of the others not in [0, 1].
    """

    shift_ms: float = 0.0
    noise_probability: float = 0.0
    noise_volume: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in (("shift_ms", 1000), ("noise_probability", 1), ("noise_volume", 1)):
            _check(name, getattr(self, name), 0, limit)

    def __call__(self, clips: Tensor, noise: Tensor | None, generator: torch.Generator) -> Tensor:
        """Augmented copy (N, samples) float32 in [-1, 1] of clips that are int16, or float in [-1, 1].

        The recordings `noise` (M, L) are int16 or float likewise. Random numbers are drawn on the generator's device.
        Their number does not depend on the settings: a shift is the same with and without noise.

        Raises:
            ValueError: clips or noise have other dimensions or types, or recordings are shorter than the clips.
        """
        check_clips(clips, 1)
        shift, use, volume, recording, offset = _draw_uniform(5, len(clips), generator)
        sound = to_full_scale(self._shift_samples(clips, shift))
        if noise is None or not self.noise_probability or not self.noise_volume:
            return sound
        check_clips(noise, clips.shape[1], "noise")
        sections = noise.unfold(1, clips.shape[1], 1)
        rows, starts = _scale_to_index(recording, sections.shape[0]), _scale_to_index(offset, sections.shape[1])
        added = to_full_scale(sections[rows.to(noise.device), starts.to(noise.device)]).to(clips.device)
        volume = volume * self.noise_volume * (use < self.noise_probability)
        return sound.addcmul(added, volume.float().to(clips.device)[:, None])

    def _shift_samples(self, clips: Tensor, draw: Tensor) -> Tensor:
        max_shift = int(self.shift_ms * RATE / 1000 + 1e-6)
        if not max_shift:
            return clips
        shifted = torch.nn.functional.pad(clips, (max_shift, max_shift)).unfold(1, clips.shape[1], 1)
        starts = _scale_to_index(draw, 2 * max_shift + 1).to(clips.device)
        # Copies whole clips; a gather of samples takes twice as long.
        return shifted[torch.arange(len(clips), device=clips.device), starts]

    def shift_frames(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Shift features (N, C, T, F) of frames 20 ms apart in time, by whole frames and up to `shift_ms`.

        The gap is filled by repeating the first or the last frame. For data without waveforms.
        """
        (draw,) = _draw_uniform(1, len(features), generator)
        max_shift = int(self.shift_ms / _FRAME_MS + 1e-6)
        if not max_shift:
            return features
        shift = _scale_to_index(draw, 2 * max_shift + 1).to(features.device) - max_shift
        times = torch.arange(features.shape[2], device=features.device)
        index = (times + shift[:, None]).clamp(0, features.shape[2] - 1)
        return features.gather(2, index[:, None, :, None].expand_as(features))


@lru_cache(maxsize=8)
def _mfcc_tables(options: Mfcc, device: torch.device) -> tuple[FilterBank, Tensor]:
    positions = bin_frequencies(options.n_fft, options.rate)
    low, high = math.log1p(options.f_min / 700), math.log1p(options.f_max / 700)
    edges = torch.linspace(low, high, options.mels + 2, dtype=torch.float64)
    if options.variant == "mlperf":
        filters = triangles(torch.log1p(positions / 700), edges)
        filters[0] = 0
    else:
        filters = triangles(positions, 700 * torch.expm1(edges))
    transform = dct(options.mels, options.coefficients, ortho=options.variant == "paper")
    return FilterBank.create(options.window, options.n_fft, filters, device), transform.float().to(device)


def _peak(clips: Tensor) -> Tensor:
    """Maximum (N, 1) of each clip, or of its absolute values where no sample is positive; never 0."""
    # aminmax takes sixty times as long as these two.
    low, high = clips.amin(1, keepdim=True).float(), clips.amax(1, keepdim=True).float()
    return high.where(high > 0, -low).clamp_min(torch.finfo(torch.float32).tiny)


def _draw_uniform(rows: int, n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(rows, n, generator=generator, device=generator.device, dtype=torch.float64)


def _scale_to_index(draw: Tensor, count: int) -> Tensor:
    """Turn uniform numbers in [0, 1) into uniform indices 0 to count - 1."""
    return (draw * count).long()


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}={value} must lie between {low:g} and {high:g}")
