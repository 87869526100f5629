"""Keyword spotting: waveforms and their MFCCs give the same inputs, augmentation only in training, balanced scores."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.benchmarks.base import DataSettings
from suite.benchmarks.keyword_spotting import KeywordSpotting
from suite.data.audio import Mfcc, WaveAugmentation
from suite.data.base import Data, Split

AUGMENTATION = WaveAugmentation(shift_ms=100, noise_probability=0.8, noise_volume=0.1)


def _benchmark(pack: Path | None = None, **settings: object) -> KeywordSpotting:
    data = DataSettings(pack=str(pack) if pack else None)
    return KeywordSpotting("keyword_spotting", "KWS", [1, 49, 10], 1 / 12, data, AUGMENTATION, **settings)


def _waveforms(packs: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(packs / "keyword_spotting_audio.npz") as arrays:
        return arrays["waveform"], arrays["y"]


@pytest.fixture
def wave_pack(packs: Path, tmp_path: Path) -> Path:
    """The waveforms of 144 real clips as a pack, every third to validate or test."""
    x, y = _waveforms(packs)
    meta = {"format": "pack-1", "benchmark": "keyword_spotting", "title": "t", "source": "s", "licence": "l"}
    meta["classes"] = [str(i) for i in range(12)]
    path = tmp_path / "waves.npz"
    background = np.tile(x[0], (2, 2))
    np.savez(path, x=x, y=y, split=np.arange(len(x)) % 3, background=background, meta=np.array(json.dumps(meta)))
    return path


def test_waveforms_and_stored_mfccs_are_the_same_inputs(packs: Path, wave_pack: Path, tmp_path: Path) -> None:
    waves = _benchmark(wave_pack, standardise=False)
    data = waves.source().load(tmp_path)
    with np.load(packs / "keyword_spotting_audio.npz") as audio, np.load(packs / "keyword_spotting.npz") as stored:
        rows = stored["x"][audio["row"][np.arange(144) % 3 == 0]]
    mfccs = _benchmark(standardise=False).preprocess(torch.from_numpy(rows)[:, None])
    assert torch.allclose(waves.preprocess(data.train.x), mfccs, atol=0.05)


def test_training_sees_noise_and_shifts_and_evaluation_does_not(wave_pack: Path, tmp_path: Path) -> None:
    benchmark = _benchmark(wave_pack)
    data = benchmark.source().load(tmp_path)
    adapted = benchmark.fit_preprocessing(data)
    x = data.train.x
    assert x.dtype == torch.int16
    assert adapted.background is not None
    assert torch.equal(adapted.preprocess(x), adapted.preprocess(x))
    one = adapted.augment(x, torch.Generator().manual_seed(0))
    again = adapted.augment(x, torch.Generator().manual_seed(0))
    other = adapted.augment(x, torch.Generator().manual_seed(1))
    assert one.shape == (len(x), 1, 49, 10)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, adapted.preprocess(x))


def test_stored_mfccs_move_by_whole_frames(packs: Path) -> None:
    with np.load(packs / "keyword_spotting.npz") as arrays:
        x = torch.from_numpy(arrays["x"][:32].astype(np.float32))[:, None]
    moved = _benchmark(standardise=False).augment(x, torch.Generator().manual_seed(0))
    for before, after in zip(x[:, 0], moved[:, 0], strict=True):
        shifts = [s for s in range(-5, 6) if torch.equal(before[5 + s : 44 + s], after[5:44])]
        assert shifts, "not a shift of up to 100 ms"


def test_inputs_are_standardised_over_the_training_set(wave_pack: Path, tmp_path: Path) -> None:
    benchmark = _benchmark(wave_pack)
    data = benchmark.source().load(tmp_path)
    x = benchmark.fit_preprocessing(data).preprocess(data.train.x).flatten(0, 2)
    assert torch.allclose(x.mean(0), torch.zeros(10), atol=1e-3)
    assert torch.allclose(x.std(0), torch.ones(10), atol=1e-3)


def test_networks_are_chosen_by_balanced_accuracy() -> None:
    benchmark = _benchmark()
    y = torch.tensor([0] * 8 + [1] * 2)
    split = Split(torch.zeros(10, 1), y)
    always_zero = torch.tensor([[1.0, 0.0]]).repeat(10, 1)
    assert benchmark.selection_score(always_zero, split) == pytest.approx(0.5)
    assert benchmark.scores(always_zero, split) == pytest.approx({"accuracy": 0.8, "balanced_accuracy": 0.5})
    assert benchmark.selection_name == "balanced_accuracy"


def test_nothing_of_validation_or_test_enters_the_statistics() -> None:
    mfcc = torch.randn(50, 1, 49, 10)
    splits = [Split(mfcc + i * 100, torch.zeros(50, dtype=torch.int64)) for i in range(3)]
    adapted = _benchmark().fit_preprocessing(Data(*splits, classes=("a",)))
    assert adapted.standardisation is not None
    assert float(adapted.standardisation.mean.abs().max()) < 1


def test_the_papers_features_are_an_option() -> None:
    clips = (torch.randn(2, 16_000) * 1000).to(torch.int16)
    mlperf, paper = (_benchmark(features=Mfcc(variant)).preprocess(clips) for variant in ("mlperf", "paper"))
    assert mlperf.shape == paper.shape == (2, 1, 49, 10)
    assert not torch.allclose(mlperf, paper)
