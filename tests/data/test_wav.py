import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import wav

from suite import SuiteError
from suite.data.wav import read_wav


@settings(deadline=None)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=50))
def test_a_wav_gives_back_its_samples(samples):
    read = read_wav(wav(np.array(samples, np.int16)), "a.wav")
    assert read.dtype == np.int16
    assert read.tolist() == samples


BAD_WAVS = {
    "not a whole WAV file": b"ID3 no wav at all",
    "not a whole WAV file of PCM samples (EOFError)": b"",
    "holds no samples": wav(np.zeros(0, np.int16)),
    "has 8000 Hz, not 16000 Hz": wav(np.zeros(9, np.int16), rate=8_000),
    "has 2 channels, not 1": wav(np.zeros(8, np.int16), channels=2),
    "has 8-bit samples, not 16-bit": wav(np.zeros(9, np.int16), width=1),
    "has 24-bit samples, not 16-bit": wav(np.zeros(6, np.int16), width=3),
    "truncated, 7 of 9 samples are there": wav(np.zeros(9, np.int16))[:-4],
}


@pytest.mark.parametrize("message", BAD_WAVS)
def test_another_file_than_16_bit_mono_at_16_khz_is_refused_by_name(message):
    with pytest.raises(SuiteError) as caught:
        read_wav(BAD_WAVS[message], "x.tar.gz: go/a.wav")
    assert str(caught.value).startswith(f"x.tar.gz: go/a.wav: {message}")


def test_a_wav_is_refused_wherever_it_was_cut():
    content = wav(np.arange(20, dtype=np.int16))
    for size in range(len(content)):
        with pytest.raises(SuiteError, match=r"a\.wav: "):
            read_wav(content[:size], "a.wav")


@settings(deadline=None)
@given(st.integers(0, 43), st.integers(1, 255))
def test_a_damaged_header_is_an_error_of_the_suite_or_harmless(position, change):
    content = bytearray(wav(np.arange(20, dtype=np.int16)))
    content[position] ^= change
    try:
        read = read_wav(bytes(content), "a.wav")
    except SuiteError:
        return
    assert set(read.tolist()) <= set(range(20))
