import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from webserver import Server, serving, unused_url

from suite import SuiteError
from suite.data import download
from suite.data.download import MAX_ATTEMPTS, ResumableDownload

CONTENT = np.random.default_rng(0).integers(0, 256, 1_000_000, dtype=np.uint8).tobytes()
SIZE = len(CONTENT)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "x.zip").write_bytes(CONTENT)
    with serving(tmp_path / "server") as server:
        yield server


class Client:
    """Downloads x.zip into a folder, as pooch would let it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, f"{url}/x.zip"
        self.part, self.target = folder / "x.zip.part", folder / "target"

    def __call__(self, **options: object) -> bytes:
        ResumableDownload(self.part, SIZE, **options)(self.url, str(self.target), None)
        assert not self.part.exists()
        return self.target.read_bytes()


@pytest.fixture
def client(tmp_path: Path, server: Server) -> Client:
    return Client(tmp_path, server.url)


def test_downloads_a_file(client, server):
    assert client() == CONTENT
    assert server.requests == ["whole"]


def test_a_broken_connection_is_taken_up_where_it_ended(client, server):
    server.cuts = [300_000, 500_000]
    assert client() == CONTENT
    assert server.requests == ["whole", "bytes=300000-", "bytes=800000-"]


def test_a_connection_that_breaks_often_is_taken_up_as_long_as_bytes_come(client, server):
    server.cuts = [SIZE // 20] * 19
    assert client() == CONTENT
    assert len(server.requests) == 20


def test_without_a_length_a_broken_connection_is_noticed_too(client, server):
    server.lengths, server.cuts = False, [300_000]
    assert client() == CONTENT
    assert server.requests == ["whole", "bytes=300000-"]


def test_a_killed_download_is_continued_by_the_next_call_and_never_used_before(client, server):
    def kill(done: int, total: int) -> None:
        if done > 400_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client(report_bytes=kill)
    assert not client.target.exists()
    have = client.part.stat().st_size
    assert 400_000 < have < SIZE
    assert client() == CONTENT
    assert server.requests == ["whole", f"bytes={have}-"]


def test_a_truncated_file_of_another_day_is_continued(client, server):
    client.part.write_bytes(CONTENT[:999_999])
    assert client() == CONTENT
    assert server.requests == ["bytes=999999-"]


def test_a_part_that_is_complete_needs_no_server(client, server):
    client.part.write_bytes(CONTENT)
    assert client() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize("change", [{"ranges": False}, {"shift": 1}])
def test_a_server_without_proper_ranges_sends_it_from_the_start(client, server, change):
    for name, value in change.items():
        setattr(server, name, value)
    client.part.write_bytes(b"?" * 1000)
    assert client() == CONTENT


def test_a_part_that_is_too_long_is_dropped(client, server):
    client.part.write_bytes(CONTENT + b"more")
    assert client() == CONTENT
    assert server.requests == ["whole"]


def test_passing_errors_of_the_server_are_tried_again(client, server):
    server.codes = [503, 429, 416]
    assert client() == CONTENT


def test_gives_up_when_no_byte_comes_and_keeps_what_has_arrived(client, server):
    server.cuts = [250_000] + [0] * MAX_ATTEMPTS
    with pytest.raises(SuiteError, match=rf"^{client.url}: .*; 0\.2 MB have arrived and are kept"):
        client()
    assert len(server.requests) == MAX_ATTEMPTS
    assert not client.target.exists()
    server.cuts = []
    assert client() == CONTENT


def test_a_server_without_ranges_that_always_hangs_up_is_given_up(client, server):
    server.ranges, server.cuts = False, [250_000] * 20
    with pytest.raises(SuiteError, match="have arrived"):
        client()
    assert len(server.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final_and_named(client, server, code):
    server.codes = [code]
    with pytest.raises(SuiteError, match=rf"^{client.url}: HTTP {code} \w+"):
        client()
    assert len(server.requests) == 1


def test_nobody_listens(client):
    client.url = f"{unused_url()}/x.zip"
    with pytest.raises(SuiteError, match=rf"^{client.url}: .*[Cc]onnection"):
        client()


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(client, server):
    (server.folder / "x.zip").write_bytes(b"<html>please log in</html>")
    with pytest.raises(SuiteError, match=r"the server has 26 bytes there, not 1,000,000: another file"):
        client()
    assert not client.target.exists()


def test_a_file_without_a_length_that_is_too_long_is_refused(client, server):
    (server.folder / "x.zip").write_bytes(CONTENT * 2)
    server.lengths = False
    with pytest.raises(SuiteError, match=r"sends more than 1,000,000 bytes"):
        client()
    assert not client.target.exists()


def test_bytes_are_taken_as_they_are_whatever_the_server_calls_them(client, server):
    server.headers = {"Content-Encoding": "gzip"}
    assert client() == CONTENT


def test_a_full_disk_is_named_before_the_download(client, server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=400_000))
    with pytest.raises(SuiteError, match=r": 1\.0 MB are needed there, but only 0\.4 MB are free"):
        client()
    client.part.write_bytes(CONTENT[:700_000])
    assert client() == CONTENT


def test_a_folder_that_cannot_be_written_is_named(client):
    client.part = client.folder / "gone" / "x.zip.part"
    with pytest.raises(SuiteError, match=r"gone: |x\.zip\.part: cannot be written"):
        client()


def test_reports_bytes_from_where_it_continues(client):
    client.part.write_bytes(CONTENT[:700_000])
    reports: list[tuple[int, int]] = []
    client(report_bytes=lambda done, total: reports.append((done, total)))
    assert reports[0] == (700_000, SIZE)
    assert reports[-1] == (SIZE, SIZE)
    assert reports == sorted(reports)
