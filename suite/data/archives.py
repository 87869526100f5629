"""Foreign archives and pickles, read in memory without trusting them: no file is written, no code is run."""

import gzip
import io
import pickle
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

import numpy as np

from suite import SuiteError


def iter_members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every member that is `wanted`, of a .zip, .tar, .tar.gz or .tgz file, in its order.

    `wanted` is asked once for the name of each file, written as "folder/name". A tar is read to its end, so a
    truncated one is noticed even if the wanted members come first; a zip, cut short, lacks its directory, and
    every member that is read must have its CRC. Both only hold for who iterates to the end.

    Raises:
        SuiteError: not a complete archive, or any of its members has an absolute path or a `..`, or is a link, a
            device or anything else but a file or a folder, or a wanted one comes twice; the text names both.
    """
    read = _iter_zip if archive.suffix.lower() == ".zip" else _iter_tar
    seen = set()
    for name, content in read(archive, wanted):
        if name in seen:
            raise SuiteError(f"{archive}: refused, the member {name!r} comes twice")
        seen.add(name)
        yield name, content


def read_members(archive: Path, wanted: Sequence[str]) -> dict[str, bytes]:
    """Contents of the `wanted` members of an archive, by name; see `iter_members`.

    Raises:
        SuiteError: as `iter_members`, or a wanted member is missing.
    """
    found = dict(iter_members(archive, frozenset(wanted).__contains__))
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SuiteError(f"{archive}: lacks {', '.join(missing)}")
    return found


def _iter_tar(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with _complete(archive, "tar") as at, _open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        end = 0
        for member in tar:
            at.member = member.name
            _refuse_outside(archive, member.name)
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _odd(archive, member.name)
            end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            name = str(PurePosixPath(member.name))
            content = tar.extractfile(member) if member.isreg() and wanted(name) else None
            if content is not None:
                yield name, content.read()
        _check_end(stream, end)


def _iter_zip(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with _complete(archive, "zip") as at, zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:  # before anything is read: the names are all at hand
            # zipfile ends a name at a zero byte, the file system might see the rest
            _refuse_outside(archive, member.orig_filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or "\0" in member.orig_filename:
                raise _odd(archive, member.orig_filename)
        for member in members:
            at.member = member.filename
            name = str(PurePosixPath(member.filename))
            if not member.is_dir() and wanted(name):
                yield name, file.read(member)


@dataclass
class _Place:
    member: str | None = None


@contextmanager
def _complete(archive: Path, kind: str) -> Iterator[_Place]:
    """Turns what damaged bytes raise into a SuiteError that names the archive and the member that was read."""
    place = _Place()
    try:
        yield place
    except SuiteError:
        raise
    except Exception as error:  # gzip, zlib, zipfile and tarfile raise a dozen types on damaged bytes
        where = f"in or after {place.member!r}: " if place.member else ""
        raise SuiteError(f"{archive}: not a complete {kind} archive ({where}{error})") from error


def _open(archive: Path) -> io.BufferedReader:
    with archive.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    # A wide buffer, since a step back beyond it would unpack a gzip file from its start.
    return io.BufferedReader(gzip.open(archive), 1 << 20) if compressed else archive.open("rb")


def _refuse_outside(archive: Path, name: str) -> None:
    # Windows' rules also know "/" and are the stricter ones: drives and backslashes count.
    path = PureWindowsPath(name)
    if path.anchor or ".." in path.parts:
        raise SuiteError(f"{archive}: refused, the member {name!r} points outside the archive")


def _odd(archive: Path, name: str) -> SuiteError:
    return SuiteError(f"{archive}: refused, the member {name!r} is neither a file nor a folder")


def _check_end(stream: io.BufferedReader, end: int) -> None:
    # tarfile takes a cut between two members, or a damaged later header, for the end.
    # The real end is a zero block.
    stream.seek(end)
    size = 0
    while block := stream.read(1 << 20):
        if block.count(0) != len(block):
            raise tarfile.ReadError("damaged header")
        size += len(block)
    if size < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("unexpected end of data")


def load_restricted_pickle(data: bytes, name: str) -> object:
    """The object in a pickle that holds nothing but numpy arrays, bytes and plain Python values.

    Strings written by Python 2 arrive as bytes.

    Raises:
        SuiteError: the pickle, called `name` in the text, names anything else or is damaged.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(data), name).load()
    except SuiteError:
        raise
    except Exception as error:  # a damaged pickle calls the admitted functions with anything
        raise SuiteError(f"{name}: damaged pickle ({type(error).__name__}: {error})") from error


class _ArrayUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(file, encoding="bytes")
        self._name = name

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _ADMITTED[module_name.replace("numpy._core", "numpy.core"), global_name]
        except KeyError:
            raise SuiteError(
                f"{self._name}: refused, the pickle names {module_name}.{global_name}; only numpy arrays, "
                "bytes and plain values are read"
            ) from None


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], Any] = {
    # Taken from arrays' own pickling: numpy moved both functions between private modules.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy.core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode_latin1,
}
