import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from suite import SuiteError
from suite.data.archives import iter_members, load_restricted_pickle, read_members

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
        assert read_members(write_files(tmp_path / name), ["c", "folder/b", "folder/a"]) == FILES

    def test_gives_members_one_by_one_in_the_order_of_the_archive(self, tmp_path, name):
        members = iter_members(write_files(tmp_path / name), lambda member: member != "folder/b")
        assert next(members) == ("folder/a", FILES["folder/a"])
        assert list(members) == [("c", FILES["c"])]

    def test_names_the_missing_members(self, tmp_path, name):
        with pytest.raises(SuiteError, match=rf"{name}: lacks d, e$"):
            read_members(write_files(tmp_path / name), ["c", "d", "e"])

    def test_names_a_missing_archive(self, tmp_path, name):
        with pytest.raises(SuiteError, match=rf"{name}: cannot be read: .*No such file"):
            read_members(tmp_path / name, ["c"])

    def test_writes_no_file(self, tmp_path, name, monkeypatch):
        archive = write_files(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        read_members(archive, list(FILES))
        assert list(tmp_path.rglob("*")) == [archive]


def test_reads_members_that_are_named_from_the_current_folder(tmp_path):
    archive = write_tar(tmp_path / "x.tar", [file_member("./folder/a", b"1")])
    assert read_members(archive, ["folder/a"]) == {"folder/a": b"1"}


def test_folders_and_links_within_the_archive_are_passed_over(tmp_path):
    folder, link = special_member("folder", tarfile.DIRTYPE), special_member("link", tarfile.SYMTYPE)
    names = []
    assert not list(iter_members(write_tar(tmp_path / "x.tgz", [folder, link, file_member("c")]), names.append))
    assert names == ["c"]


@pytest.mark.parametrize(
    "member",
    [file_member("../odd"), file_member("folder/../../odd"), special_member("odd", tarfile.CHRTYPE)],
    ids=["outside", "far outside", "device"],
)
def test_a_member_of_a_tar_that_the_data_filter_refuses_is_named(tmp_path, member):
    archive = write_tar(tmp_path / "x.tgz", [file_member("c"), member])
    with pytest.raises(SuiteError, match=rf"x\.tgz: cannot be read .*'{member[0].name}' (would be|is a special)"):
        read_members(archive, ["c"])


def test_a_link_beside_the_archive_does_not_matter(tmp_path, monkeypatch):
    archive = write_files(tmp_path / "x.tgz")
    (tmp_path / "folder").symlink_to("/")
    monkeypatch.chdir(tmp_path)
    assert read_members(archive, list(FILES)) == FILES


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no archive " * 100, gzip.compress(b"no archive " * 100, mtime=0)],
    ids=["empty", "text", "gzip"],
)
def test_a_file_that_is_no_archive_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SuiteError, match=rf"{name}: cannot be read: \w"):
        read_members(path, ["c"])


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
def test_a_truncated_archive_is_noticed_wherever_its_members_were_cut(tmp_path, name):
    content = write_files(tmp_path / name).read_bytes()
    cut = tmp_path / f"cut-{name}"
    end = len(content) - (64 if name == "x.tar.gz" else 0)  # beyond: nothing but the padding of the tar
    for size in range(0, end, 7):
        cut.write_bytes(content[:size])
        with pytest.raises(SuiteError, match=rf"cut-{name}: cannot be read"):
            read_members(cut, ["folder/a"])


def test_the_member_that_was_being_read_is_named(tmp_path):
    archive = write_files(tmp_path / "x.tar")
    archive.write_bytes(archive.read_bytes()[:600])
    with pytest.raises(SuiteError, match=r"x\.tar: cannot be read at or after its member 'folder/a': unexpected end"):
        read_members(archive, ["folder/a"])


def test_a_damaged_member_of_a_zip_is_named(tmp_path):
    stored = zipfile.ZipInfo("folder/a")
    archive = write_zip(tmp_path / "x.zip", [(stored, FILES["folder/a"]), ("c", b"1")])
    content = bytearray(archive.read_bytes())
    content[content.index(b"first") + 700] ^= 1
    archive.write_bytes(content)
    with pytest.raises(SuiteError, match=r"x\.zip: cannot be read at or after its member 'folder/a': Bad CRC"):
        read_members(archive, ["folder/a"])


def python2_pickle(value: object) -> bytes:
    """What Python 2 wrote at protocol 2: byte strings everywhere, numpy's functions in their old module."""

    class Python2Pickler(pickle._Pickler):
        dispatch = pickle._Pickler.dispatch.copy()

        def save_string(self, value):
            content = value.encode() if isinstance(value, str) else value
            self.write(b"T" + struct.pack("<i", len(content)) + content)
            self.memoize(value)

        dispatch[bytes] = dispatch[str] = save_string

    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def test_reads_the_arrays_of_python_2():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = python2_pickle({"data": pixels, "labels": [1, 2, 3], "batch_label": "batch 1 of 5"})
    assert b"cnumpy.core.multiarray\n_reconstruct" in content
    batch = load_restricted_pickle(content, "batch")
    assert batch.pop(b"data").tolist() == pixels.tolist()
    assert batch == {b"labels": [1, 2, 3], b"batch_label": b"batch 1 of 5"}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "S3", "float16"])
def test_reads_the_arrays_of_python_3(protocol, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    loaded, text = load_restricted_pickle(pickle.dumps([array, b"\xff\x00"], protocol), "batch")
    assert loaded.dtype == array.dtype
    assert loaded.tolist() == array.tolist()
    assert text == b"\xff\x00"


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_and_runs_nothing(tmp_path, protocol):
    target = tmp_path / "owned"
    content = pickle.dumps({b"data": Evil(os.mkdir, str(target))}, protocol)
    with pytest.raises(SuiteError, match=r"batch: refused, the pickle names (posix|nt)\.mkdir"):
        load_restricted_pickle(content, "batch")
    assert not target.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.lib.format.open_memmap])
def test_refuses_every_function_but_those_of_arrays(function):
    with pytest.raises(SuiteError, match="refused"):
        load_restricted_pickle(pickle.dumps(Evil(function, "1")), "batch")


def test_refuses_arrays_that_hide_other_objects():
    content = pickle.dumps(np.array([Evil(print, "owned")], dtype=object))
    with pytest.raises(SuiteError, match=r"refused, the pickle names (builtins|__builtin__)\.print"):
        load_restricted_pickle(content, "batch")


def test_refuses_other_codecs_than_that_of_bytes():
    content = pickle.dumps(b"\xff", 2).replace(b"latin1", b"idna\x00\x00")
    with pytest.raises(SuiteError, match="damaged"):
        load_restricted_pickle(content, "batch")


@pytest.mark.parametrize(
    "content",
    [b"", b"no pickle", pickle.dumps(Evil(np.dtype, "no type")), pickle.dumps(Evil(np.ndarray, (-1,)))],
)
def test_a_damaged_pickle_is_named(content):
    with pytest.raises(SuiteError, match=r"batch: damaged pickle \("):
        load_restricted_pickle(content, "batch")


def test_a_truncated_pickle_is_named():
    content = pickle.dumps(np.zeros(8))
    for size in range(len(content)):
        with pytest.raises(SuiteError, match="batch: damaged pickle"):
            load_restricted_pickle(content[:size], "batch")


def test_a_pickle_that_asks_for_a_list_of_billions_is_refused_before_it_is_made():
    content = b"\x80\x02]r" + (2**31 - 1).to_bytes(4, "little") + b"."
    with pytest.raises(SuiteError, match=r"batch: damaged pickle \(ValueError: object 2,147,483,647 in 9 bytes\)"):
        load_restricted_pickle(content, "batch")


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
def test_a_member_a_thousand_times_as_large_as_its_archive_is_refused(tmp_path, name, monkeypatch):
    zeros = bytes(1 << 20)
    path = tmp_path / name
    write_zip(path, [("zeros", zeros)]) if name == "x.zip" else write_tar(path, [file_member("zeros", zeros)])
    assert read_members(path, ["zeros"]) == {"zeros": zeros}
    monkeypatch.setattr("suite.data.files.MOST_UNPACKED", 1000)
    with pytest.raises(SuiteError, match=rf"{name}: cannot be read: [\d,]+ bytes that unpack to 1,048,576"):
        read_members(path, ["zeros"])


@pytest.mark.parametrize("name", ["../odd", "/odd", "a/../../odd"])
def test_a_member_of_a_zip_with_a_path_writes_nothing(tmp_path, name, monkeypatch):
    archive = write_zip(tmp_path / "x.zip", [(name, b"1"), ("c", b"2")])
    monkeypatch.chdir(tmp_path)
    assert read_members(archive, ["c"]) == {"c": b"2"}
    assert list(tmp_path.rglob("*")) == [archive]
