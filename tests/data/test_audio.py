import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import librosa_log_mel, tone, wav

from suite import SuiteError
from suite.data.audio import LogMel, Mfcc, fit_length, read_wav, windows


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_clips(n: int, samples: int = 16_000, seed: int = 0) -> torch.Tensor:
    return torch.randint(-3000, 3000, (n, samples), dtype=torch.int16, generator=seeded(seed))


@pytest.fixture(scope="module")
def real(packs) -> tuple[torch.Tensor, torch.Tensor]:
    """Waveforms (144, 16000) and the MFCCs (144, 49, 10) that belong to them."""
    with np.load(packs / "keyword_spotting_audio.npz") as audio, np.load(packs / "keyword_spotting.npz") as features:
        return torch.from_numpy(audio["waveform"]), torch.from_numpy(features["x"][audio["row"]]).float()


# WAV files


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


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_fitted_clip_is_its_beginning_and_then_zeros(have, want):
    fitted = fit_length(np.arange(1, have + 1, dtype=np.int16), want)
    assert fitted.tolist() == [i + 1 if i < have else 0 for i in range(want)]
    assert fitted.dtype == np.int16


# MFCC


def test_the_front_end_reproduces_the_features_of_all_real_clips(real):
    clips, expected = real
    assert len(clips) == 144
    torch.testing.assert_close(Mfcc()(clips), expected, atol=0.05, rtol=0)


def test_a_clip_is_divided_by_its_maximum_so_its_volume_does_not_matter(real):
    clips = real[0][:12]
    torch.testing.assert_close(Mfcc()(clips.float() * 0.01), Mfcc()(clips), atol=1e-3, rtol=0)


def test_a_clip_does_not_depend_on_its_batch(real):
    clips = real[0][:40]
    alone = torch.cat([Mfcc()(clip[None]) for clip in clips])
    torch.testing.assert_close(Mfcc()(clips), alone, atol=1e-4, rtol=1e-5)


def test_the_papers_variant_is_torchaudios(real):
    clips = real[0][::9]
    sound = clips.numpy() / 2**15
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480), 16)
    frames = np.stack([sound[:, i * 320 : i * 320 + 512] * window for i in range(49)], 1)
    mel = np.linspace(*(2595 * np.log10(1 + np.array([20, 4000]) / 700)), 42)
    edges, hz = 700 * (10 ** (mel / 2595) - 1), np.arange(257)[:, None] * 16_000 / 512
    rising, falling = (hz - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - hz) / np.diff(edges)[1:]
    bank = np.maximum(0, np.minimum(rising, falling))
    energies = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ bank + 1e-6)
    expected = scipy.fft.dct(energies, norm="ortho")[..., :10]
    torch.testing.assert_close(Mfcc("paper")(clips).double(), torch.from_numpy(expected), atol=2e-3, rtol=0)


def test_the_papers_variant_takes_floats_in_full_scale_units(real):
    clips = real[0][:5]
    torch.testing.assert_close(Mfcc("paper")(clips / 2**15), Mfcc("paper")(clips))


@pytest.mark.parametrize(("variant", "scale"), [("mlperf", 2**0.5), ("paper", 1.0)])
@pytest.mark.parametrize("dtype", [torch.int16, torch.float32])
def test_silence_gives_the_logarithm_of_the_floor(variant, scale, dtype):
    found = Mfcc(variant)(torch.zeros(2, 16_000, dtype=dtype))
    expected = torch.zeros(2, 49, 10)
    expected[:, :, 0] = scale * 40**0.5 * np.log(1e-6)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-6)


def test_a_clip_without_positive_samples_is_that_with_the_other_sign():
    clip = -random_clips(1).abs()
    torch.testing.assert_close(Mfcc()(clip), Mfcc()(-clip))


def test_the_loudest_clip_does_not_overflow():
    assert Mfcc()(torch.full((1, 16_000), -(2**15), dtype=torch.int16)).isfinite().all()


@pytest.mark.parametrize(("variant", "first"), [("mlperf", 480), ("paper", 512)])
@pytest.mark.parametrize(("more", "frames"), [(0, 1), (319, 1), (320, 2), (48 * 320, 49)])
def test_frames_lie_within_the_clip(variant, first, more, frames):
    samples = first + more
    assert Mfcc(variant)(random_clips(3, samples)).shape == (3, frames, 10)


@pytest.mark.parametrize("features", [Mfcc(), Mfcc("paper"), LogMel(first=1, frames=3)])
def test_features_keep_their_precision_under_autocast(features):
    clips = random_clips(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = features(clips)
    assert found.dtype == torch.float32
    assert torch.equal(found, features(clips))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "htk"}, "variant=htk: no such variant. Choices: mlperf, paper"),
        ({"window": 513}, "window=513 must lie between 1 and 512"),
        ({"hop": 0}, "hop=0 must lie between 1 and 512"),
        ({"coefficients": 41}, "coefficients=41 must lie between 1 and 40"),
        ({"f_max": 8001.0}, "f_max=8001.0 must lie between 1 and 8000"),
        ({"f_min": 4000.0}, "f_min=4000.0 must lie between 0 and 3999"),
        ({"f_min": float("nan")}, "f_min=nan must lie between 0 and 3999"),
    ],
)
def test_an_option_of_the_mfcc_out_of_range_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Mfcc(**options)


def test_filters_between_two_bins_of_the_dft_are_refused():
    with pytest.raises(ValueError, match="n_fft=512 has no bin among the filters"):
        Mfcc(f_min=1, f_max=30)(random_clips(1))


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (torch.zeros(16_000), r"clips must be int16 or float \(N > 0, samples\), not torch.float32 \(16000,\)"),
        (torch.zeros(0, 16_000), r"clips must be int16 or float \(N > 0, samples\), not torch.float32 \(0, 16000\)"),
        (torch.zeros(2, 900, dtype=torch.uint8), "clips must be int16 or float"),
        (torch.zeros(2, 479), "clips must have at least 480 samples, not 479"),
    ],
)
def test_other_tensors_than_clips_are_refused(clips, message):
    with pytest.raises(ValueError, match=message):
        Mfcc()(clips)


# Log-mel spectrograms


@pytest.mark.parametrize("frequency", [61.0, 1_003.0, 7_400.0])
def test_log_mel_is_librosas_frames_50_to_249(frequency):
    sound = tone(160_000, frequency) / 2**15
    expected = librosa_log_mel(sound)
    assert expected.shape == (313, 128)
    found = LogMel()(torch.from_numpy(sound)[None])
    torch.testing.assert_close(found[0].double(), torch.from_numpy(expected[50:250]), atol=0.02, rtol=0)


def test_log_mel_is_what_librosa_itself_computed():
    # librosa 0.11.0: melspectrogram(y=y, sr=16000, n_fft=1024, hop_length=512, n_mels=128, power=2.0)
    expected = [
        [-33.68838, -22.53664, 21.96705, -24.42329, -22.73067, -12.10039],
        [-36.60303, -22.45823, 21.94380, -24.49004, -22.58566, -12.09587],
        [-35.79262, -22.44266, 21.88280, -24.45962, -22.72342, -12.09970],
    ]
    found = LogMel()(torch.from_numpy(tone(128_000, 440))[None])[0]
    found = found[[0, 120, 199]][:, [0, 9, 18, 40, 77, 127]]
    torch.testing.assert_close(found, torch.tensor(expected), atol=0.01, rtol=0)


def test_log_mel_looks_at_the_samples_of_its_frames_only():
    clips = random_clips(2, 130_000)
    expected = LogMel()(clips)
    clips[:, : 50 * 512 - 512] = 30_000
    clips[:, LogMel().samples :] = 30_000
    assert torch.equal(LogMel()(clips), expected)


def test_log_mel_of_silence_is_finite():
    silence = LogMel()(torch.zeros(1, 160_000))
    torch.testing.assert_close(silence, torch.full((1, 200, 128), -156.5356), atol=1e-3, rtol=0)


def test_log_mel_needs_samples_for_all_its_frames():
    assert LogMel().samples == 128_000
    with pytest.raises(ValueError, match="clips must have at least 128000 samples, not 127999"):
        LogMel()(torch.zeros(1, 127_999))


def test_log_mel_needs_no_padding():
    with pytest.raises(ValueError, match=r"^first=0 must lie between 1 and inf$"):
        LogMel(first=0)


# Windows


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.data())
def test_window_t_is_frames_t_to_t_plus_width_one_after_another(n, t, f, data):
    width = data.draw(st.integers(1, t))
    frames = torch.arange(n * t * f).view(n, t, f)
    found = windows(frames, width)
    assert found.shape == (n, t - width + 1, width * f)
    for start in range(t - width + 1):
        assert torch.equal(found[:, start], frames[:, start : start + width].reshape(n, -1))


def test_windows_of_contiguous_frames_are_a_view():
    frames = torch.zeros(3, 200, 128)
    assert windows(frames).data_ptr() == frames.data_ptr()
    assert windows(frames).shape == (3, 196, 640)
    assert windows(frames.mT).shape == (3, 124, 1000)


@pytest.mark.parametrize("width", [0, 8])
def test_windows_as_wide_as_there_are_frames_at_most(width):
    with pytest.raises(ValueError, match=rf"width={width} must lie between 1 and T .* \(2, 7, 3\)"):
        windows(torch.zeros(2, 7, 3), width)
