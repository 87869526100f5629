"""Foreign archives and pickles, read in memory without trusting them: no file is written, no code is run."""

import gzip
import io
import pickle
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

import numpy as np

from suite.errors import SuiteError


def read_members(archive: Path, wanted: Sequence[str]) -> dict[str, bytes]:
    """Contents of the `wanted` members of a .tar, .tar.gz or .tgz file, by name.

    The whole archive is read, so a truncated one is noticed even if the wanted members come first.

    Raises:
        SuiteError: not a complete tar archive, a wanted member is missing, or any member has an absolute path
            or a `..`, or is a link, a device or anything else but a file or a folder; the text names both.
    """
    found: dict[str, bytes] = {}
    try:
        with _open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            end = 0
            for member in tar:
                _refuse_unsafe(archive, member)
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                name = str(PurePosixPath(member.name))
                content = tar.extractfile(member) if name in wanted else None
                if content is not None:
                    found[name] = content.read()
            _check_end(stream, end)
    except SuiteError:
        raise
    except Exception as error:  # gzip, zlib and tarfile raise a dozen types on damaged bytes
        raise SuiteError(f"{archive}: not a complete tar archive ({error})") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SuiteError(f"{archive}: lacks {', '.join(missing)}")
    return found


def _open(archive: Path) -> gzip.GzipFile | io.BufferedReader:
    with archive.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(archive) if compressed else archive.open("rb")


def _refuse_unsafe(archive: Path, member: tarfile.TarInfo) -> None:
    # Windows' rules also know "/" and are the stricter ones: drives and backslashes count.
    path = PureWindowsPath(member.name)
    if path.anchor or ".." in path.parts:
        raise SuiteError(f"{archive}: refused, the member {member.name!r} points outside the archive")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise SuiteError(f"{archive}: refused, the member {member.name!r} is neither a file nor a folder")


def _check_end(stream: gzip.GzipFile | io.BufferedReader, end: int) -> None:
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
