import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from suite.data.official import iter_members

FILES = {"folder/a": b"first" * 300, "folder/b": b"", "c": bytes(range(256)) * 8}


def file_member(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special_member(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "c"
    return info, b""


def write_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def write_zip(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def write_files(path: Path) -> Path:
    if path.suffix.lower() == ".zip":
        return write_zip(path, list(FILES.items()))
    return write_tar(path, [file_member(name, content) for name, content in FILES.items()])


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz", "x.zip", "X.ZIP"])
class TestKinds:
    def test_reads_the_wanted_members(self, tmp_path, name):
        assert dict(iter_members(write_files(tmp_path / name), FILES.__contains__)) == FILES

    def test_gives_members_one_by_one_in_the_order_of_the_archive(self, tmp_path, name):
        members = iter_members(write_files(tmp_path / name), lambda member: member != "folder/b")
        assert next(members) == ("folder/a", FILES["folder/a"])
        assert list(members) == [("c", FILES["c"])]

    def test_writes_no_file(self, tmp_path, name, monkeypatch):
        archive = write_files(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        list(iter_members(archive, FILES.__contains__))
        assert list(tmp_path.rglob("*")) == [archive]


def test_reads_members_that_are_named_from_the_current_folder(tmp_path):
    archive = write_tar(tmp_path / "x.tar", [file_member("./folder/a", b"1")])
    assert list(iter_members(archive, lambda name: True)) == [("folder/a", b"1")]


def test_folders_and_links_within_the_archive_are_passed_over(tmp_path):
    folder, link = special_member("folder", tarfile.DIRTYPE), special_member("link", tarfile.SYMTYPE)
    names = []
    assert not list(iter_members(write_tar(tmp_path / "x.tgz", [folder, link, file_member("c")]), names.append))
    assert names == ["c"]
