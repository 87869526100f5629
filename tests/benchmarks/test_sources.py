"""Where a benchmark's data comes from: a named pack, SUITE_DATA_DIR, a folder, the bundled set; never another's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite import SuiteError
from suite.benchmarks.base import Classification, DataSettings
from suite.benchmarks.digits import Digits, DigitsSource
from suite.benchmarks.image_classification import ImageClassification
from suite.data.augment import Affine
from suite.data.base import Split
from suite.data.cifar10 import Cifar10
from suite.data.official import OfficialSource
from suite.data.pack import PackSource


def _image_classification(**data: object) -> ImageClassification:
    return ImageClassification("image_classification", "CIFAR-10", [3, 32, 32], 0.1, DataSettings(**data))


def _official(folder: Path | None, download: bool) -> OfficialSource:
    return OfficialSource("image_classification", Cifar10(), folder, download)


def test_a_named_pack_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "image_classification.npz").touch()
    monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path))
    assert _image_classification(pack="mine.npz").source() == PackSource(Path("mine.npz"), "image_classification")
    assert _image_classification().source() == PackSource(tmp_path / "image_classification.npz", "image_classification")


def test_the_data_folder_may_hold_the_official_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path))
    assert _image_classification().source() == _official(tmp_path, True)
    assert _image_classification(folder="/data").source() == _official(Path("/data"), True)
    monkeypatch.delenv("SUITE_DATA_DIR")
    assert _image_classification(download=False).source() == _official(None, False)


def test_a_benchmark_of_ones_own_without_a_pack_says_what_to_do() -> None:
    with pytest.raises(SuiteError, match=r"benchmark\.data\.pack=FILE"):
        Classification("mine", "Mine", [1, 2, 2], 0.5).source()


class TestDigits:
    def test_splits_are_fixed_disjoint_and_stratified(self, tmp_path: Path) -> None:
        data = DigitsSource().load(tmp_path)
        again = DigitsSource().load(tmp_path)
        sizes = [len(split) for split in (data.train, data.validation, data.test)]
        assert sum(sizes) == 1797
        assert min(sizes) > 300
        for split, other in ((data.train, again.train), (data.test, again.test)):
            assert torch.equal(split.x, other.x)
        for split in (data.train, data.validation, data.test):
            counts = np.bincount(split.y.numpy(), minlength=10)
            assert counts.min() > 0.8 * counts.max()

    def test_images_are_bytes_of_one_channel(self, tmp_path: Path) -> None:
        x = DigitsSource().load(tmp_path).train.x
        assert x.dtype == torch.uint8
        assert x.shape[1:] == (1, 8, 8)
        assert x.max() == 255

    def test_the_fingerprint_is_that_of_the_content(self) -> None:
        assert DigitsSource().fingerprint() == DigitsSource().fingerprint()
        assert len(DigitsSource().fingerprint()) == 64


def test_scores_losses_and_inputs() -> None:
    benchmark = Digits("digits", "Digits", [1, 8, 8], 0.1, augmentation=Affine(shift=0.2))
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    split = Split(torch.zeros(3, 1, 8, 8), torch.tensor([0, 1, 1]))
    assert benchmark.scores(logits, split) == {"accuracy": pytest.approx(2 / 3)}
    assert benchmark.loss(logits, split.x, torch.tensor([0, 1, 0])).item() == pytest.approx(0.1006, abs=1e-3)
    x = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    prepared = benchmark.preprocess(x)
    assert prepared.dtype == torch.float32
    assert prepared.max() == 1
    assert x.max() == 255, "stored examples must not change"
    features = torch.full((2, 3), 5.0)
    assert torch.equal(benchmark.preprocess(features), features)
