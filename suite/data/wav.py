"""The samples of WAV files."""

import io
import wave

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError

RATE = 16_000
"""Samples per second of all data sets here."""


def read_wav(content: bytes, name: str) -> NDArray[np.int16]:
    """Read the samples (n,) of a WAV file's `content`: one channel of 16-bit PCM at 16 kHz.

    Raises:
        SuiteError: the content is no WAV file, truncated, empty or has another format; the text begins with `name`.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            header = file.getparams()
            data = file.readframes(header.nframes)
    except Exception as error:  # wave raises half a dozen types on damaged bytes
        reason = str(error) or type(error).__name__
        raise SuiteError(f"{name}: not a whole WAV file of PCM samples ({reason})") from error
    if header.nchannels != 1:
        raise SuiteError(f"{name}: has {header.nchannels} channels, not 1")
    if header.sampwidth != 2:
        raise SuiteError(f"{name}: has {8 * header.sampwidth}-bit samples, not 16-bit")
    if header.framerate != RATE:
        raise SuiteError(f"{name}: has {header.framerate} Hz, not {RATE} Hz")
    if header.nframes == 0:
        raise SuiteError(f"{name}: holds no samples")
    if len(data) != 2 * header.nframes:
        raise SuiteError(f"{name}: truncated, {len(data) // 2} of {header.nframes} samples are there")
    return np.frombuffer(data, "<i2").astype(np.int16)
