"""WAV files: their samples, cut or filled up to a length."""

import io
import wave

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples per second of all data sets here."""


def read_wav(content: bytes) -> NDArray[np.int16]:
    """The samples (n,) of a WAV file's `content`: one channel of 16-bit PCM, as official archives have them."""
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def fit_length(clip: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Cut a clip (n,) after `samples`, or fill it up with zeros."""
    return np.pad(clip[:samples], (0, max(0, samples - len(clip))))
