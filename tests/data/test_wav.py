import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import wav

from suite.data.wav import fit_length, read_wav


@settings(deadline=None)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=50))
def test_a_wav_gives_back_its_samples(samples):
    read = read_wav(wav(np.array(samples, np.int16)))
    assert read.dtype == np.int16
    assert read.tolist() == samples


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_fitted_clip_is_its_beginning_and_then_zeros(have, want):
    fitted = fit_length(np.arange(1, have + 1, dtype=np.int16), want)
    assert fitted.tolist() == [i + 1 if i < have else 0 for i in range(want)]
    assert fitted.dtype == np.int16
