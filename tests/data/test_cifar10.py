import hashlib
import http.server
import io
import pickle
import re
import shutil
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from suite.data import cifar10
from suite.data.cifar10 import ARCHIVE, CLASSES, UNPACKED, Cifar10Source
from suite.errors import SuiteError

NAMES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
PER_BATCH = 40


def batch(index: int) -> dict[bytes, object]:
    pixels = np.random.default_rng(index).integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8)
    return {b"data": pixels, b"labels": [(index + i) % 10 for i in range(PER_BATCH)]}


def unpack(folder: Path, change: Callable[[str, dict[bytes, object]], object] = lambda _, content: content) -> Path:
    """A small cifar-10-batches-py in `folder`."""
    target = folder / UNPACKED
    target.mkdir(parents=True)
    for index, name in enumerate(NAMES):
        (target / name).write_bytes(pickle.dumps(change(name, batch(index)), 2))
    return target


def pack(folder: Path) -> Path:
    """A small cifar-10-python.tar.gz in `folder`, of the unpacked files beside it, which go."""
    with tarfile.open(folder / ARCHIVE, "w:gz") as tar:
        tar.add(folder / UNPACKED, UNPACKED)
    shutil.rmtree(folder / UNPACKED)
    return folder / ARCHIVE


def digest(path: Path, kind: str = "sha256") -> str:
    return hashlib.new(kind, path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch) -> Path:
    """Keeps the tests out of the user's cache folder."""
    folder = tmp_path / "downloads"
    monkeypatch.setattr(pooch, "os_cache", lambda name: folder / name)
    return folder / "tinyml-nas-suite"


@dataclass
class Server:
    folder: Path
    url: str = ""
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    record = Server(folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            record.requests.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        record.url = f"http://127.0.0.1:{httpd.server_port}/{ARCHIVE}"
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield record
        httpd.shutdown()
        thread.join()


def packed_source(folder: Path) -> Cifar10Source:
    unpack(folder)
    return Cifar10Source(folder, download=False, archive_sha256=digest(pack(folder)))


def unpacked_source(folder: Path, **changes: object) -> Cifar10Source:
    target = unpack(folder, **changes)
    md5s = tuple((name, digest(target / name, "md5")) for name in NAMES)
    return Cifar10Source(folder, download=False, batch_md5s=md5s)


def remote_source(server: Server) -> Cifar10Source:
    unpack(server.folder)
    return Cifar10Source(url=server.url, archive_sha256=digest(pack(server.folder)))


def test_expects_the_official_checksums_by_default():
    source = Cifar10Source()
    assert source.fingerprint() == "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    assert dict(source.batch_md5s)["data_batch_3"] == "54ebc095f3ab1f0389bbae665268c751"
    assert tuple(dict(source.batch_md5s)) == NAMES


@pytest.mark.parametrize("make", [packed_source, unpacked_source])
class TestFolder:
    def test_gives_uint8_images_in_three_splits(self, tmp_path, make):
        data = make(tmp_path / "data").load(tmp_path / "cache")
        assert [len(part) for part in (data.train, data.validation, data.test)] == [180, 20, 40]
        assert (data.train.x.dtype, data.train.x.shape) == (torch.uint8, (180, 3, 32, 32))
        assert torch.bincount(data.validation.y).tolist() == [2] * 10
        assert data.classes == CLASSES

    def test_the_test_set_is_the_test_batch_in_its_order(self, tmp_path, make):
        test = make(tmp_path / "data").load(tmp_path / "cache").test
        assert torch.equal(test.x.flatten(1), torch.from_numpy(batch(5)[b"data"]))
        assert test.y.tolist() == batch(5)[b"labels"]

    def test_the_validation_split_is_that_of_the_index_in_the_official_order(self, tmp_path, make):
        data = make(tmp_path / "data").load(tmp_path / "cache")
        x = np.concatenate([batch(i)[b"data"] for i in range(5)])
        y = np.concatenate([batch(i)[b"labels"] for i in range(5)])
        mask = cifar10.stratified_validation(y, share=0.1)
        assert torch.equal(data.validation.x.flatten(1), torch.from_numpy(x[mask]))
        assert torch.equal(data.train.x.flatten(1), torch.from_numpy(x[~mask]))
        assert data.train.y.tolist() == y[~mask].tolist()

    def test_is_parsed_once(self, tmp_path, monkeypatch, make):
        source = make(tmp_path / "data")
        first = source.load(tmp_path / "cache")
        monkeypatch.setattr(cifar10, "_parse", None)
        assert torch.equal(source.load(tmp_path / "cache").train.x, first.train.x)

    def test_is_described(self, tmp_path, make):
        facts = make(tmp_path / "data").describe()
        assert facts["present"] == "yes"
        assert facts["place"].startswith(str(tmp_path / "data"))
        assert facts["licence"] == "none stated; cite Krizhevsky 2009"


def test_the_folder_may_hold_both_and_the_archive_is_taken(tmp_path):
    source = packed_source(tmp_path)
    (unpack(tmp_path) / "data_batch_1").write_bytes(b"")
    assert len(source.load(tmp_path / "cache").test) == 40


def test_the_unpacked_folder_has_the_fingerprint_of_the_archive(tmp_path):
    assert unpacked_source(tmp_path).fingerprint() == cifar10.SHA256


def test_a_wrong_archive_is_refused(tmp_path):
    source = replace(packed_source(tmp_path), archive_sha256="0" * 64)
    found = digest(tmp_path / ARCHIVE)
    with pytest.raises(SuiteError) as caught:
        source.load(tmp_path / "cache")
    assert str(caught.value).startswith(f"{tmp_path / ARCHIVE}: its SHA-256 is {found}, not {'0' * 64}")


def test_a_wrong_batch_is_refused(tmp_path):
    source = unpacked_source(tmp_path)
    file = tmp_path / UNPACKED / "data_batch_4"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(SuiteError, match=rf"^{re.escape(str(file))}: its MD5 is {digest(file, 'md5')}, not "):
        source.load(tmp_path / "cache")


def test_a_missing_batch_is_named(tmp_path):
    source = unpacked_source(tmp_path)
    (tmp_path / UNPACKED / "test_batch").unlink()
    with pytest.raises(SuiteError, match=r"test_batch: cannot be read \(No such file"):
        source.load(tmp_path / "cache")


def test_an_archive_without_a_batch_is_refused(tmp_path):
    (unpack(tmp_path) / "data_batch_2").unlink()
    source = Cifar10Source(tmp_path, archive_sha256=digest(pack(tmp_path)))
    with pytest.raises(SuiteError, match=f"{ARCHIVE}: lacks {UNPACKED}/data_batch_2"):
        source.load(tmp_path / "cache")


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
def test_a_batch_of_another_layout_is_refused(tmp_path, message, content):
    source = unpacked_source(tmp_path, change=lambda name, good: content if name == "data_batch_2" else good)
    with pytest.raises(SuiteError, match=f"{UNPACKED}: data_batch_2: {message}"):
        source.load(tmp_path / "cache")


def test_a_malicious_batch_is_refused(tmp_path):
    source = unpacked_source(tmp_path, change=lambda name, good: good | {b"extra": print})
    with pytest.raises(SuiteError, match="data_batch_1: refused, the pickle names"):
        source.load(tmp_path / "cache")


class TestDownload:
    def test_fetches_the_archive_once(self, tmp_path, server, downloads):
        source = remote_source(server)
        assert len(source.load(tmp_path / "cache").train) == 180
        assert len(source.load(tmp_path / "other cache").train) == 180
        assert len(server.requests) == 1
        assert digest(downloads / ARCHIVE) == source.archive_sha256

    def test_needs_no_network_once_parsed(self, tmp_path, server, downloads):
        source = remote_source(server)
        source.load(tmp_path / "cache")
        shutil.rmtree(downloads)
        source.load(tmp_path / "cache")
        assert len(server.requests) == 1

    def test_neither_fingerprint_nor_description_downloads(self, server):
        source = remote_source(server)
        assert source.fingerprint() == source.archive_sha256
        assert (source.describe()["present"], source.describe()["place"]) == ("no", server.url)
        assert server.requests == []

    def test_a_folder_without_the_data_is_passed_over(self, tmp_path, server):
        source = replace(remote_source(server), folder=tmp_path)
        assert len(source.load(tmp_path / "cache").train) == 180

    def test_the_folder_comes_first(self, tmp_path, server):
        source = replace(packed_source(tmp_path / "data"), url=server.url, download=True)
        source.load(tmp_path / "cache")
        assert server.requests == []

    def test_a_damaged_download_is_fetched_again(self, tmp_path, server, downloads):
        source = remote_source(server)
        downloads.mkdir(parents=True)
        (downloads / ARCHIVE).write_bytes(b"damaged")
        assert len(source.load(tmp_path / "cache").train) == 180

    def test_an_earlier_download_serves_without_the_right_to_download(self, tmp_path, server):
        source = remote_source(server)
        source.load(tmp_path / "cache")
        offline = replace(source, download=False)
        assert offline.describe()["present"] == "yes"
        assert len(offline.load(tmp_path / "other cache").train) == 180

    def test_a_wrong_checksum_is_refused_and_nothing_kept(self, tmp_path, server, downloads):
        source = replace(remote_source(server), archive_sha256="0" * 64)
        with pytest.raises(SuiteError, match=rf"^{ARCHIVE}: cannot be downloaded from .*hash"):
            source.load(tmp_path / "cache")
        assert list(downloads.iterdir()) == []

    @pytest.mark.parametrize("terminal", [True, False])
    def test_shows_progress_on_a_terminal_only(self, tmp_path, server, monkeypatch, terminal):
        source, stderr = remote_source(server), io.StringIO()
        monkeypatch.setattr(stderr, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", stderr)
        source.load(tmp_path / "cache")
        assert ("100%" in stderr.getvalue()) == terminal


REMEDIES = ("benchmark.data.folder=DIR", "SUITE_DATA_DIR=DIR", "benchmark.data.pack=FILE", ARCHIVE)


def test_offline_the_error_says_which_file_goes_where(tmp_path):
    source = Cifar10Source(tmp_path, url=f"http://127.0.0.1:9/{ARCHIVE}")
    with pytest.raises(SuiteError) as caught:
        source.load(tmp_path / "cache")
    text = str(caught.value)
    assert f"cannot be downloaded from http://127.0.0.1:9/{ARCHIVE}" in text
    assert f"benchmark.data.folder={tmp_path} holds neither it nor {UNPACKED}/" in text
    assert [remedy for remedy in REMEDIES if remedy not in text] == []


@pytest.mark.parametrize("act", [Cifar10Source.fingerprint, lambda source: source.load(Path("unused"))])
def test_without_the_right_to_download_missing_data_is_an_error_at_once(act):
    with pytest.raises(SuiteError) as caught:
        act(Cifar10Source(download=False))
    text = str(caught.value)
    assert text.startswith(f"{ARCHIVE}: not found, and benchmark.data.download=false. Put it")
    assert [remedy for remedy in REMEDIES if remedy not in text] == []
