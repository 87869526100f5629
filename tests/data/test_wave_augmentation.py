import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.audio import Mfcc, WaveAugmentation
from suite.data.log_mel import log_mel

SEEDS = st.integers(0, 2**31)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_clips(n: int, samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(-3000, 3000, (n, samples), dtype=torch.int16, generator=seeded(seed))


@settings(deadline=None)
@given(SEEDS, st.sampled_from([torch.int16, torch.float32, torch.float64]), st.sampled_from([0.0, 1.0, 6.3]))
def test_a_shifted_clip_is_the_clip_elsewhere_with_zeros_coming_in(seed, dtype, shift_ms):
    clips, most = random_clips(8, 300, seed), int(shift_ms * 16)
    scale = 2**15 if dtype == torch.int16 else 1
    augmented = WaveAugmentation(shift_ms=shift_ms)(clips.to(dtype), None, seeded(seed))
    assert augmented.dtype == torch.float32
    padded = torch.nn.functional.pad(clips / scale, (most, most))
    for clip, row in zip(augmented, padded, strict=True):
        assert any(torch.equal(clip, row[start : start + 300]) for start in range(2 * most + 1))


def test_shifts_are_uniform_over_both_directions():
    clips = torch.zeros(6_000, 64)
    clips[:, 32] = 1
    positions = WaveAugmentation(shift_ms=0.5)(clips, None, seeded()).argmax(1) - 32
    counts = torch.bincount(positions + 8, minlength=17)
    assert counts.shape == (17,)
    assert counts.min() > 6_000 / 17 * 0.8


@settings(deadline=None)
@given(SEEDS, st.floats(0.05, 1), st.sampled_from([torch.int16, torch.float32]))
def test_noise_is_a_piece_of_one_recording_at_no_more_than_the_volume(seed, volume, dtype):
    # Sample t of recording m is 1000 m + t + 100, so a piece tells where it comes from.
    noise = (1000 * torch.arange(4)[:, None] + torch.arange(300) + 100).to(dtype)
    full = 2**15 if dtype == torch.int16 else 1
    augment = WaveAugmentation(noise_probability=1, noise_volume=volume)
    augmented = augment(torch.zeros(16, 50, dtype=dtype), noise, seeded(seed)).double() * full
    step = (augmented[:, -1] - augmented[:, 0]) / 49
    assert (step <= volume).all()
    assert (step >= 0).all()
    start = (augmented[:, 0] / step).round()
    recording, offset = start.long() // 1000, start.long() % 1000 - 100
    loud = step > 1e-3  # else rounding hides the offset
    assert ((recording >= 0) & (recording < 4) & (offset >= 0) & (offset <= 250))[loud].all()
    expected = step[:, None] * (start[:, None] + torch.arange(50))
    torch.testing.assert_close(augmented[loud], expected[loud], atol=0.05, rtol=1e-3)


def test_all_recordings_and_offsets_are_drawn():
    noise = torch.arange(1, 25).view(3, 8).float()
    augment = WaveAugmentation(noise_probability=1, noise_volume=1)
    augmented = augment(torch.zeros(2_000, 2), noise, seeded())
    first = (augmented[:, 0] / (augmented[:, 1] - augmented[:, 0])).round().long()
    assert sorted(set(first.tolist())) == [i for i in range(1, 25) if i % 8]


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_noise_comes_with_its_probability_and_a_uniform_volume(probability):
    augment = WaveAugmentation(noise_probability=probability, noise_volume=0.5)
    augmented = augment(torch.zeros(8_000, 1), torch.ones(1, 1), seeded())[:, 0]
    assert (augmented > 0).float().mean().item() == pytest.approx(probability, abs=0.02)
    if probability:
        assert augmented[augmented > 0].mean().item() == pytest.approx(0.25, abs=0.01)


def test_noise_is_added_to_the_shifted_clip():
    clips, noise = random_clips(16, 16_000), random_clips(3, 50_000, seed=1)
    alone = WaveAugmentation(shift_ms=100)(clips, None, seeded())
    added = WaveAugmentation(100, 1, 0.1)(torch.zeros_like(clips), noise, seeded())
    augmented = WaveAugmentation(100, 1, 0.1)(clips, noise, seeded())
    torch.testing.assert_close(augmented, alone + added)
    assert added.abs().max() > 0


def test_one_setting_does_not_shift_the_draws_of_another():
    clips, noise, seen = random_clips(8, 100), random_clips(2, 200), set()
    for options, recordings in (((), None), ((1, 0, 0), noise), ((0, 1, 1), noise), ((2, 0.5, 0.1), None)):
        generator = seeded()
        WaveAugmentation(*options)(clips, recordings, generator)
        seen.add(torch.rand(1, generator=generator).item())
    assert len(seen) == 1


def test_clips_and_noise_are_left_as_they_were():
    clips, noise = random_clips(8, 100).float(), random_clips(2, 200).float()
    before = clips.clone(), noise.clone()
    WaveAugmentation(2, 1, 1)(clips, noise, seeded())
    assert torch.equal(clips, before[0])
    assert torch.equal(noise, before[1])


def test_recordings_shorter_than_the_clips_are_refused():
    with pytest.raises(ValueError, match="noise must have at least 100 samples, not 99"):
        WaveAugmentation(0, 1, 1)(random_clips(2, 100), random_clips(2, 99), seeded())


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [("shift_ms", -1.0, 1000), ("shift_ms", 1001.0, 1000), ("noise_probability", 1.1, 1), ("noise_volume", -0.1, 1)],
)
def test_an_augmentation_out_of_range_is_refused_by_name(name, value, limit):
    with pytest.raises(ValueError, match=f"^{name}={value} must lie between 0 and {limit}$"):
        WaveAugmentation(**{name: value})


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(1, 12), st.sampled_from([0.0, 19.0, 20.0, 65.0]))
def test_shifted_frames_are_the_frames_elsewhere_with_the_border_repeated(seed, n, t, shift_ms):
    features = torch.rand(n, 2, t, 3, generator=seeded(seed))
    augmented, most = WaveAugmentation(shift_ms).shift_frames(features, generator=seeded(seed)), int(shift_ms / 20)
    shifts = [torch.arange(t).add(shift).clamp(0, t - 1) for shift in range(-most, most + 1)]
    for row, clip in zip(augmented, features, strict=True):
        assert any(torch.equal(row, clip[:, times]) for times in shifts)


def test_frames_of_20_ms_move_as_far_both_ways():
    features = torch.arange(49.0).view(1, 1, 49, 1).expand(500, -1, -1, 1).contiguous()
    middles = WaveAugmentation(shift_ms=40).shift_frames(features, generator=seeded())[:, 0, 24, 0]
    assert middles.unique().tolist() == [22, 23, 24, 25, 26]


def test_shifting_frames_draws_as_much_for_every_setting():
    seen = set()
    for shift_ms in (0, 100):
        generator = seeded()
        WaveAugmentation(shift_ms).shift_frames(torch.zeros(5, 1, 49, 10), generator=generator)
        seen.add(torch.rand(1, generator=generator).item())
    assert len(seen) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cpu_generator_gives_the_same_features_on_a_gpu():
    clips, noise, augment = random_clips(64, 16_000), random_clips(3, 30_000), WaveAugmentation(100, 0.8, 0.1)
    for features in (Mfcc(), Mfcc("paper")):
        expected = features(augment(clips, noise, seeded()))
        augmented = features(augment(clips.cuda(), noise.cuda(), seeded())).cpu()
        torch.testing.assert_close(augmented, expected, atol=1e-2, rtol=1e-3)
    sounds = random_clips(2, 128_000)
    torch.testing.assert_close(log_mel(sounds.cuda()).cpu(), log_mel(sounds), atol=1e-2, rtol=1e-3)
    expected = augment.shift_frames(clips.view(64, 1, 160, 100), generator=seeded())
    assert torch.equal(augment.shift_frames(clips.view(64, 1, 160, 100).cuda(), generator=seeded()).cpu(), expected)
