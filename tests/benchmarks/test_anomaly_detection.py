"""Anomaly detection: windows of clips, clip scores, AUC pooled and by machine."""

import json
import math
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sounds import mlperf_tiny_windows, tone, wav
from toys import archive_of, described

from suite.benchmarks.anomaly_detection import AnomalyDetection, WindowSource
from suite.benchmarks.base import DataSettings
from suite.data.base import Data, Split
from suite.data.official import OfficialSource
from suite.data.toycar import ToyCar
from suite.engine.harness import subset

FRAMES, BANDS = 12, 4


def _pack(path: Path, x: np.ndarray, **meta: object) -> Path:
    n = len(x)
    y, split = np.arange(n) % 2, np.arange(n) % 3
    y[split != 2] = 0
    text = {"format": "pack-1", "benchmark": "anomaly_detection", "title": "t", "source": "s", "licence": "l", **meta}
    np.savez(path, x=x, y=y, split=split, machine=np.arange(n) % 4, meta=np.array(json.dumps(text)))
    return path


def _benchmark(pack: Path) -> AnomalyDetection:
    return AnomalyDetection("anomaly_detection", "ToyCar", data=DataSettings(pack=str(pack)))


@pytest.fixture
def clips(tmp_path: Path) -> tuple[AnomalyDetection, np.ndarray]:
    x = np.random.default_rng(0).integers(0, 255, (24, FRAMES, BANDS)).astype(np.uint8)
    return _benchmark(_pack(tmp_path / "clips.npz", x, scale=0.5, offset=-80.0)), x


def _data(benchmark: AnomalyDetection, tmp_path: Path) -> Data:
    return benchmark.source().load(tmp_path)


def test_every_window_of_a_clip_is_an_example_in_db(clips: tuple[AnomalyDetection, np.ndarray], tmp_path: Path) -> None:
    benchmark, x = clips
    train = _data(benchmark, tmp_path).train
    count = FRAMES - benchmark.frames + 1
    assert train.x.shape == (8 * count, benchmark.frames * BANDS)
    assert train.columns["clip"].tolist() == [i for i in range(8) for _ in range(count)]
    # the third clip of the training split is the pack's clip 6; its second window starts at frame 1
    expected = x[6, 1 : 1 + benchmark.frames].reshape(-1) * 0.5 - 80
    assert train.x[2 * count + 1].tolist() == expected.tolist()
    assert train.columns["machine"][2 * count] == 6 % 4


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Data, dict[str, np.ndarray]]:
    """The benchmark's data from archives like the official ones, and its test clips' sounds in [-1, 1] by name."""
    names = ("train/normal_id_01_00000000", "train/normal_id_01_00000001")
    names += ("test/anomaly_id_01_00000002", "test/normal_id_01_00000003")
    sounds = {f"ToyCar/{name}.wav": tone(160_000, 60 + 311.0 * i) for i, name in enumerate(names)}
    more = {"ToyCar/train/normal_id_05_00000000.wav": tone(160_000, 99.0)}
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")
    development, additional = (
        described(archive_of(tmp_path / name, {member: wav(sound) for member, sound in members.items()}))
        for name, members in (("dev.zip", sounds), ("more.zip", more))
    )
    clips = ToyCar(validation=0.5, development=development, additional=additional)
    source = WindowSource(OfficialSource("anomaly_detection", clips, tmp_path, download=False), frames=5)
    return source.load(tmp_path / "cache"), {n: sound / 2**15 for n, sound in sounds.items() if "/test/" in n}


def test_inputs_are_mlperf_tinys_in_db_unscaled(official: tuple[Data, dict[str, np.ndarray]]) -> None:
    data, sounds = official
    expected = np.concatenate([mlperf_tiny_windows(sounds[name]) for name in sorted(sounds)])
    inputs = AnomalyDetection("anomaly_detection", "ToyCar").preprocess(data.test.x).numpy()
    assert inputs.shape == expected.shape == (2 * 196, 640)
    rounding = np.abs(expected) * 2.0**-11  # clips are stored in float16
    assert (np.abs(inputs - expected) <= rounding + 0.02).all()


def test_the_input_size_is_the_datas(clips: tuple[AnomalyDetection, np.ndarray], tmp_path: Path) -> None:
    assert clips[0].input_shape == (clips[0].frames * BANDS,)
    spectra = _benchmark(_pack(tmp_path / "spectra.npz", np.random.rand(24, 110).astype(np.float32)))
    assert spectra.input_shape == (110,)
    data = _data(spectra, tmp_path)
    assert data.train.x.shape == (8, 110)
    assert data.train.columns["clip"].tolist() == list(range(8))


def test_scores_of_one_class_alone_are_unknown() -> None:
    split = Split(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64), {"clip": torch.arange(4)})
    scores = AnomalyDetection("anomaly_detection", "ToyCar").scores(torch.rand(4), split)
    assert all(math.isnan(score) for score in scores.values())


def test_a_clips_score_is_its_mean_error_and_the_auc_is_over_clips() -> None:
    rng = torch.Generator().manual_seed(0)
    clip = torch.arange(40).repeat_interleave(5)
    label, machine = (torch.arange(40) % 2), (torch.arange(40) // 2 % 2) + 1
    split = Split(torch.zeros(200, 1), label[clip], {"clip": clip, "machine": machine[clip]})
    errors = torch.rand(200, generator=rng) + 0.2 * split.y
    benchmark = AnomalyDetection("anomaly_detection", "ToyCar")
    shuffled = torch.randperm(200, generator=rng)
    scores = benchmark.scores(errors[shuffled], split.take(shuffled))
    means = errors.view(40, 5).mean(1)
    assert scores["auc"] == pytest.approx(roc_auc_score(label, means))
    first = machine == 1
    assert scores["auc_machine_1"] == pytest.approx(roc_auc_score(label[first], means[first]))
    both = (scores["auc_machine_1"] + scores["auc_machine_2"]) / 2
    assert scores["machine_mean_auc"] == pytest.approx(both)
    assert scores["partial_auc"] == pytest.approx(roc_auc_score(label, means, max_fpr=0.1))
    kept = benchmark.recorded_predictions(errors, split)
    assert kept["error"] == pytest.approx(means.numpy())
    assert kept["target"].tolist() == label.tolist()
    assert kept["machine"].tolist() == machine.tolist()


def test_networks_are_chosen_by_reconstruction_error() -> None:
    split = Split(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64), {"clip": torch.arange(4)})
    benchmark = AnomalyDetection("anomaly_detection", "ToyCar")
    assert benchmark.selection_score(torch.full((4,), 2.0), split) == -2.0
    assert np.isnan(benchmark.scores(torch.rand(4), split)["auc"]), "all normal: no AUC"


def test_outcome_and_loss_are_the_mean_squared_error() -> None:
    benchmark = AnomalyDetection("anomaly_detection", "ToyCar")
    outputs, inputs = torch.zeros(2, 4), torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 4]])
    assert benchmark.predict(outputs, inputs).tolist() == [1.0, 4.0]
    assert float(benchmark.loss(outputs, inputs, torch.zeros(2))) == 2.5


def test_a_cut_split_keeps_its_columns_beside_its_examples(
    clips: tuple[AnomalyDetection, np.ndarray], tmp_path: Path
) -> None:
    test = _data(clips[0], tmp_path).test
    part = subset(test, 10)
    for i in range(10):
        row = next(j for j in range(len(test)) if torch.equal(test.x[j], part.x[i]))
        assert test.columns["clip"][row] == part.columns["clip"][i]
