"""WAV files, sounds, and features by the letter of their definitions, in plain numpy."""

import io
import sys
import wave

import numpy as np
from numpy.typing import NDArray


def wav(samples: NDArray[np.int16], *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file of the samples' bytes, whatever the header then says of them."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def tone(samples: int, frequency: float) -> NDArray[np.int16]:
    """A tone in noise that repeats every 2003 samples, so that no mel band is silent."""
    times = np.arange(samples)
    sound = (times * 7919 % 2003 / 1001.5 - 1) * 0.3 + 0.4 * np.sin(2 * np.pi * frequency * times / 16_000)
    return np.round(sound * 20_000).astype(np.int16)


def librosa_log_mel(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """10 log10(melspectrogram + eps) (frames, 128) in dB."""
    return 10 * np.log10(librosa_mel(sound, power=2) + np.finfo(float).eps)


def librosa_mel(sound: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """melspectrogram (frames, 128) of librosa's defaults at n_fft 1024, hop 512: zeros around the sound."""
    padded = np.pad(sound, 512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = np.stack([padded[i : i + 1024] * window for i in range(0, len(padded) - 1023, 512)])
    bank = np.zeros((513, 128))
    edges = [_slaney_hz(mel) for mel in np.linspace(0, 15 + np.log(8) / (np.log(6.4) / 27), 130)]
    for band, (low, middle, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for row in range(513):
            hz = row * 16_000 / 1024
            height = min((hz - low) / (middle - low), (high - hz) / (high - middle))
            bank[row, band] = max(0.0, height) * 2 / (high - low)
    return np.abs(np.fft.rfft(frames)) ** power @ bank


def mlperf_tiny_windows(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inputs (196, 640) of MLPerf Tiny's autoencoder for a clip (samples,) in [-1, 1], in dB, unscaled.

    After mlcommons/tiny 1afd2c9, benchmark/training/anomaly_detection/common.py, `file_to_vector_array`:
    20 / power log10(mel + eps), the central frames 50 to 249, and all windows of 5 frames, frame after frame.
    """
    bands, frames, power = 128, 5, 2
    log_mel = (20 / power * np.log10(librosa_mel(sound, power) + sys.float_info.epsilon))[50:250]
    count = len(log_mel) - frames + 1
    windows = np.zeros((count, bands * frames))
    for t in range(frames):
        windows[:, bands * t : bands * (t + 1)] = log_mel[t : t + count]
    return windows


def _slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * np.exp(np.log(6.4) / 27 * (mel - 15))
