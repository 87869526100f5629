"""Log-mel spectrograms as MLPerf Tiny's anomaly detection uses them."""

import sys
from functools import lru_cache

import torch
from torch import Tensor

from suite.data.clips import check_clips, to_full_scale
from suite.data.mel import FilterBank, bin_frequencies, compute_in_parts, slaney_edges, triangles
from suite.data.wav import RATE

BANDS = 128
FRAMES = 200
_N_FFT, _HOP = 1024, 512
_FIRST_FRAME = 50
_FIRST_SAMPLE = _FIRST_FRAME * _HOP - _N_FFT // 2
SAMPLES = _FIRST_SAMPLE + (FRAMES - 1) * _HOP + _N_FFT
"""Number of samples that a clip must have at least; later ones are ignored."""


def log_mel(clips: Tensor) -> Tensor:
    """Mel spectrograms (N, 200, 128) float32 in dB of clips (N, samples), float in [-1, 1] or int16: librosa's.

    See mlcommons/tiny 1afd2c9, benchmark/training/anomaly_detection/common.py, `file_to_vector_array`: 20 / power
    log10(mel + sys.float_info.epsilon) with power 2, frames 50 to 249. The window is a periodic Hann window of 1,024
    samples; the 128 triangular filters from 0 to 8 kHz on Slaney's scale have equal area. Frame t is centred at sample
    512 t. None of these frames reaches beyond the clip, so librosa's padding, which differs between its versions, has
    no effect.

    Raises:
        ValueError: the clips have other dimensions, another type or fewer than `SAMPLES` samples.
    """
    check_clips(clips, SAMPLES)
    return compute_in_parts(_decibels, clips)


def _decibels(clips: Tensor) -> Tensor:
    section = to_full_scale(clips[:, _FIRST_SAMPLE:SAMPLES])
    energies = _filter_bank(clips.device).energies(section, _HOP, power=2)
    return (energies + sys.float_info.epsilon).log10_() * 10


@lru_cache(maxsize=8)
def _filter_bank(device: torch.device) -> FilterBank:
    edges = slaney_edges(BANDS, RATE / 2)
    filters = triangles(bin_frequencies(_N_FFT, RATE), edges) * 2 / (edges[2:] - edges[:-2])
    return FilterBank.create(_N_FFT, _N_FFT, filters, device)
