import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from PIL import Image
from toys import archive_of, described

from suite import SuiteError
from suite.data.cifar10 import CLASSES, Cifar10
from suite.data.official import OfficialSource
from suite.data.splits import stratified_validation

FOLDER = "cifar-10-batches-py"
NAMES = (*(f"{FOLDER}/data_batch_{i}" for i in range(1, 6)), f"{FOLDER}/test_batch")
PER_BATCH = 40


def batch(index: int) -> dict[bytes, object]:
    pixels = np.random.default_rng(index).integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8)
    return {b"data": pixels, b"labels": [(index + i) % 10 for i in range(PER_BATCH)]}


def members(change: Callable[[str, dict], object] = lambda _, content: content) -> dict[str, bytes]:
    return {name: pickle.dumps(change(name, batch(index)), 2) for index, name in enumerate(NAMES)}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes members as the official archive and gives the source that reads them."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")

    def write(content: dict[str, bytes]) -> OfficialSource:
        path = archive_of(tmp_path / "cifar-10-python.tar.gz", content)
        monkeypatch.setattr(Cifar10, "archives", (described(path),))
        return OfficialSource("image_classification", Cifar10(), tmp_path, download=False)

    return write


def test_expects_the_official_archive():
    (archive,) = Cifar10().archives
    assert archive.checksum == "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    assert archive.url == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert archive.size == 170_498_071


def test_gives_uint8_images_in_three_splits(written, tmp_path):
    data = written(members()).load(tmp_path / "cache")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [180, 20, 40]
    assert (data.train.x.dtype, data.train.x.shape) == (torch.uint8, (180, 3, 32, 32))
    assert torch.bincount(data.validation.y).tolist() == [2] * 10
    assert data.classes == CLASSES
    assert data.meta["licence"] == "none stated; cite Krizhevsky 2009"


def test_the_test_set_is_the_test_batch_in_its_order(written, tmp_path):
    test = written(members()).load(tmp_path / "cache").test
    assert torch.equal(test.x.flatten(1), torch.from_numpy(batch(5)[b"data"]))
    assert test.y.tolist() == batch(5)[b"labels"]


def test_the_validation_split_is_that_of_the_index_in_the_official_order(written, tmp_path):
    data = written(members()).load(tmp_path / "cache")
    x = np.concatenate([batch(i)[b"data"] for i in range(5)])
    y = np.concatenate([batch(i)[b"labels"] for i in range(5)])
    mask = stratified_validation(y, share=0.1)
    assert torch.equal(data.validation.x.flatten(1), torch.from_numpy(x[mask]))
    assert torch.equal(data.train.x.flatten(1), torch.from_numpy(x[~mask]))
    assert data.train.y.tolist() == y[~mask].tolist()


def test_real_images_come_out_as_they_went_in(packs, written, tmp_path):
    with np.load(packs / "image_classification.npz") as pack:
        content, offsets, y = (pack[key] for key in ("x_encoded", "x_offsets", "y"))

    def real(name: str, _: object) -> dict[bytes, object]:
        start = 10_000 * NAMES.index(name)
        rows = range(start, start + PER_BATCH * 2)
        images = [np.array(Image.open(io.BytesIO(content[offsets[i] : offsets[i + 1]])).convert("RGB")) for i in rows]
        data = np.stack(images).transpose(0, 3, 1, 2).reshape(-1, 3072)
        return {b"data": data, b"labels": y[rows.start : rows.stop].tolist()}

    content_of = members(real)
    data = written(content_of).load(tmp_path / "cache")
    expected = pickle.loads(content_of[NAMES[5]])
    assert torch.equal(data.test.x.flatten(1), torch.from_numpy(expected[b"data"]))
    assert data.test.y.tolist() == expected[b"labels"]
    assert len(data.train) + len(data.validation) == 5 * 2 * PER_BATCH


def test_an_archive_without_a_batch_is_refused(written):
    content = members()
    del content[f"{FOLDER}/data_batch_2"]
    with pytest.raises(SuiteError, match=rf"cifar-10-python\.tar\.gz: lacks {FOLDER}/data_batch_2"):
        written(content).prepare()


GOOD = batch(0)
BAD_BATCHES = {
    "lacks data": [
        [1],
        {b"labels": GOOD[b"labels"]},
        GOOD | {b"data": GOOD[b"data"].astype(np.int16)},
        GOOD | {b"data": GOOD[b"data"][:, :100]},
        GOOD | {b"data": GOOD[b"data"].reshape(-1)},
    ],
    "lacks a list of 40 labels": [
        {b"data": GOOD[b"data"]},
        GOOD | {b"labels": GOOD[b"labels"][:-1]},
        GOOD | {b"labels": [10] * 40},
        GOOD | {b"labels": [b"cat"] * 40},
        GOOD | {b"labels": np.zeros(40)},
    ],
}


@pytest.mark.parametrize(
    ("message", "content"), [(message, content) for message, all_ in BAD_BATCHES.items() for content in all_]
)
def test_a_batch_of_another_layout_is_refused(written, tmp_path, message, content):
    source = written(members(lambda name, good: content if name.endswith("data_batch_2") else good))
    with pytest.raises(SuiteError, match=rf"cifar-10-python\.tar\.gz: {FOLDER}/data_batch_2: {message}"):
        source.prepare()
    assert not list((tmp_path / "user-cache").glob("*.npz*"))


def test_a_malicious_batch_is_refused(written):
    source = written(members(lambda name, good: good | {b"extra": print}))
    with pytest.raises(SuiteError, match="data_batch_1: refused, the pickle names"):
        source.prepare()
