import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given
from hypothesis import strategies as st
from sounds import librosa_log_mel, tone

from suite.data.audio import Mfcc, sliding_windows
from suite.data.log_mel import SAMPLES, log_mel


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_clips(n: int, samples: int = 16_000, seed: int = 0) -> torch.Tensor:
    return torch.randint(-3000, 3000, (n, samples), dtype=torch.int16, generator=seeded(seed))


@pytest.fixture(scope="module")
def real(packs) -> tuple[torch.Tensor, torch.Tensor]:
    """Waveforms (144, 16000) and the MFCCs (144, 49, 10) that belong to them."""
    with np.load(packs / "keyword_spotting_audio.npz") as audio, np.load(packs / "keyword_spotting.npz") as features:
        return torch.from_numpy(audio["waveform"]), torch.from_numpy(features["x"][audio["row"]]).float()


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
    silence = Mfcc(variant)(torch.zeros(2, 16_000, dtype=dtype))
    expected = torch.zeros(2, 49, 10)
    expected[:, :, 0] = scale * 40**0.5 * np.log(1e-6)
    torch.testing.assert_close(silence, expected, atol=1e-4, rtol=1e-6)


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


@pytest.mark.parametrize("features", [Mfcc(), Mfcc("paper"), log_mel])
def test_features_keep_their_precision_under_autocast(features):
    clips = random_clips(2, SAMPLES if features is log_mel else 16_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = features(clips)
    assert computed.dtype == torch.float32
    assert torch.equal(computed, features(clips))


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
    spectrum = log_mel(torch.from_numpy(sound)[None])
    torch.testing.assert_close(spectrum[0].double(), torch.from_numpy(expected[50:250]), atol=0.02, rtol=0)


def test_log_mel_is_what_librosa_itself_computed():
    # librosa 0.11.0: melspectrogram(y=y, sr=16000, n_fft=1024, hop_length=512, n_mels=128, power=2.0)
    expected = [
        [-33.68838, -22.53664, 21.96705, -24.42329, -22.73067, -12.10039],
        [-36.60303, -22.45823, 21.94380, -24.49004, -22.58566, -12.09587],
        [-35.79262, -22.44266, 21.88280, -24.45962, -22.72342, -12.09970],
    ]
    spectrum = log_mel(torch.from_numpy(tone(128_000, 440))[None])[0]
    spectrum = spectrum[[0, 120, 199]][:, [0, 9, 18, 40, 77, 127]]
    torch.testing.assert_close(spectrum, torch.tensor(expected), atol=0.01, rtol=0)


def test_log_mel_looks_at_the_samples_of_its_frames_only():
    clips = random_clips(2, 130_000)
    expected = log_mel(clips)
    clips[:, : 50 * 512 - 512] = 30_000
    clips[:, SAMPLES:] = 30_000
    assert torch.equal(log_mel(clips), expected)


def test_log_mel_of_silence_is_finite():
    silence = log_mel(torch.zeros(1, 160_000))
    torch.testing.assert_close(silence, torch.full((1, 200, 128), -156.5356), atol=1e-3, rtol=0)


def test_log_mel_needs_samples_for_all_its_frames():
    assert SAMPLES == 128_000
    with pytest.raises(ValueError, match="clips must have at least 128000 samples, not 127999"):
        log_mel(torch.zeros(1, 127_999))


# Windows


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.data())
def test_window_t_is_frames_t_to_t_plus_width_one_after_another(n, t, f, data):
    width = data.draw(st.integers(1, t))
    frames = torch.arange(n * t * f).view(n, t, f)
    windows = sliding_windows(frames, width)
    assert windows.shape == (n, t - width + 1, width * f)
    for start in range(t - width + 1):
        assert torch.equal(windows[:, start], frames[:, start : start + width].reshape(n, -1))


def test_windows_of_contiguous_frames_are_a_view():
    frames = torch.zeros(3, 200, 128)
    assert sliding_windows(frames).data_ptr() == frames.data_ptr()
    assert sliding_windows(frames).shape == (3, 196, 640)
    assert sliding_windows(frames.mT).shape == (3, 124, 1000)


@pytest.mark.parametrize("width", [0, 8])
def test_windows_as_wide_as_there_are_frames_at_most(width):
    with pytest.raises(ValueError, match=rf"width={width} must lie between 1 and T .* \(2, 7, 3\)"):
        sliding_windows(torch.zeros(2, 7, 3), width)
