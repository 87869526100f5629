"""Archives of a benchmark that must be downloaded first."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pooch
import pytest
from toys import checksum, toy_source, write_toys
from webserver import Server, serving, unused_url

from suite import SuiteError
from suite.data import download
from suite.data.official import OfficialSource


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads and prepared packs, instead of the user's."""
    folder = tmp_path / "user-cache"
    monkeypatch.setattr(pooch, "os_cache", lambda name: folder / name)
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    return folder / "tinyml-nas-suite"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(write_toys(tmp_path / "server")) as server:
        yield server


@pytest.fixture
def remote(server: Server) -> OfficialSource:
    """Toys that must be downloaded."""
    return toy_source(None, server.folder, server.url)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.exists() else set()


def test_fetches_each_archive_once(remote, server, user_cache):
    remote.prepare()
    remote.prepare(force=True)
    assert server.requests == ["whole", "whole"]
    assert {"pixels.tar.gz", "labels.zip"} < names(user_cache)
    assert not any("part" in name for name in names(user_cache))


def test_neither_fingerprint_nor_description_downloads(remote, server):
    assert remote.fingerprint()
    facts = remote.describe()
    assert facts["present"] == "no"
    assert facts["location"] == f"{server.url}/pixels.tar.gz, {server.url}/labels.zip"
    assert server.requests == []


def test_a_folder_comes_first_and_only_what_lacks_is_downloaded(remote, server, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "labels.zip").write_bytes((server.folder / "labels.zip").read_bytes())
    replace(remote, folder=tmp_path / "mine").prepare()
    assert len(server.requests) == 1


def test_a_damaged_download_is_fetched_again(remote, server, user_cache, caplog):
    user_cache.mkdir(parents=True)
    (user_cache / "labels.zip").write_bytes(b"damaged")
    remote.prepare()
    assert "labels.zip: truncated: 7 bytes" in caplog.text
    assert (user_cache / "labels.zip").read_bytes() == (server.folder / "labels.zip").read_bytes()


def test_a_damaged_download_is_refused_without_the_right_to_download(remote, user_cache):
    remote.prepare()
    (user_cache / "labels.zip").write_bytes(b"damaged")
    with pytest.raises(SuiteError, match=r"labels\.zip: truncated"):
        replace(remote, download=False).prepare(force=True)


def test_an_earlier_download_serves_without_the_right_to_download(remote):
    path = remote.prepare()
    path.unlink()
    offline = replace(remote, download=False)
    assert offline.describe()["present"] == "archive"
    assert offline.prepare() == path


def test_a_broken_download_is_never_used_and_continued_next_time(remote, server, user_cache):
    server.cuts = [60] + [0] * download.MAX_ATTEMPTS
    with pytest.raises(SuiteError, match=r"^toys: pixels\.tar\.gz \(.*\): cannot be downloaded \(.*are kept\)"):
        remote.prepare()
    assert remote.describe()["present"] == "no"
    assert names(user_cache) == {"pixels.tar.gz.part"}
    server.cuts, server.requests = [], []
    remote.prepare()
    assert server.requests == ["bytes=60-", "whole"]


def test_a_part_of_another_file_costs_a_second_download_only(remote, server, user_cache):
    user_cache.mkdir(parents=True)
    (user_cache / "pixels.tar.gz.part").write_bytes(b"?" * 60)
    remote.prepare()
    assert server.requests == ["bytes=60-", "whole", "whole"]


def test_a_wrong_checksum_is_refused_and_nothing_kept(remote, server, user_cache):
    path = server.folder / "pixels.tar.gz"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SuiteError) as caught:
        remote.prepare()
    text = str(caught.value)
    assert text.startswith("toys: pixels.tar.gz (")
    assert checksum(content).split(":")[1] in text
    assert remote.preparation.archives[0].checksum in text
    assert names(user_cache) == set()


def test_offline_the_error_says_which_file_goes_where(tmp_path):
    written = write_toys(tmp_path / "elsewhere")
    source = toy_source(tmp_path, written, unused_url())
    with pytest.raises(SuiteError) as caught:
        source.load(tmp_path / "cache")
    text = str(caught.value)
    assert text.startswith(f"toys: {source.preparation.archives[0]}: cannot be downloaded (http")
    assert f"benchmark.data.folder={tmp_path} does not hold it. Put it into a folder" in text


def test_says_what_it_downloads_where_no_terminal_shows_it(remote, caplog):
    caplog.set_level(logging.INFO)
    remote.prepare()
    assert f"toys: downloading {remote.preparation.archives[0]}" in caplog.text
    assert "toys: preparing pixels.tar.gz, labels.zip, once" in caplog.text
