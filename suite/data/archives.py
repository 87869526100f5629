"""Members of archives and contents of pickles, read into memory: no file is written and no code of theirs is run.

Whether an archive is the one that its authors published is known before: `suite.data.official.Archive` compares its
checksum.
"""

import io
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from suite import SuiteError
from suite.data.files import check_unpacked

_Member = tuple[str, Callable[[], bytes]]


def iter_members(archive: Path, is_wanted: Callable[[str], object]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each wanted file of a .zip or a .tar archive (also .tar.gz, .tgz), in its order.

    `is_wanted` is called once with the name of each file, such as "folder/name".

    Raises:
        SuiteError: the archive is missing or damaged, or tarfile's `data` filter refuses a member (a path outside of
            the archive, a device, a link to elsewhere); the text names the archive and the member.
    """
    members = _zip_members if archive.suffix.lower() == ".zip" else _tar_members
    name = ""
    try:
        for name, read in members(archive):
            if is_wanted(name):
                yield name, read()
    except Exception as error:  # gzip, zlib, zipfile and tarfile raise a dozen types on damaged bytes
        position = f" at or after its member {name!r}" if name else ""
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SuiteError(f"{archive}: cannot be read{position}: {reason}") from error


def read_members(
    archive: Path, names: Sequence[str], is_wanted: Callable[[str], object] = lambda name: False
) -> dict[str, bytes]:
    """Return by name the contents of the members called `names`, and of those that `is_wanted` picks besides.

    Raises:
        SuiteError: as `iter_members`, or one of `names` is missing; the text names all that are.
    """
    contents = dict(iter_members(archive, lambda name: name in names or is_wanted(name)))
    if missing := [name for name in names if name not in contents]:
        raise SuiteError(f"{archive}: lacks {', '.join(missing)}")
    return contents


def _tar_members(archive: Path) -> Iterator[_Member]:
    """Yield each file's name and the function that reads it; folders and links are passed over."""
    with tarfile.open(archive) as tar:
        size = archive.stat().st_size
        for entry in tar:
            # Checked as if it were extracted into a folder called like the archive. It is not.
            member = tarfile.data_filter(entry, str(archive))
            if member.isfile():
                check_unpacked(size, member.size)
                # None only for what is no file.
                yield str(PurePosixPath(member.name)), tar.extractfile(member).read  # type: ignore[union-attr]


def _zip_members(archive: Path) -> Iterator[_Member]:
    """Yield each file's name and the function that reads it and checks its CRC."""
    with zipfile.ZipFile(archive) as file:
        check_unpacked(archive.stat().st_size, sum(member.file_size for member in file.infolist()))
        for member in file.infolist():
            if not member.is_dir():
                yield str(PurePosixPath(member.filename)), partial(file.read, member)


def load_restricted_pickle(data: bytes, name: str) -> object:
    """Return the object of a pickle that holds only numpy arrays, bytes and plain Python values, as CIFAR-10's do.

    A pickle may name any function and have it called while it is loaded; here only those that build arrays are
    called. Strings written by Python 2 arrive as bytes.

    Raises:
        SuiteError: the pickle names another function or class, or is damaged; the text begins with `name`.
    """
    try:
        _check_memo(data)
        return _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except SuiteError as error:
        raise SuiteError(f"{name}: {error}") from None
    except Exception as error:  # a damaged pickle calls the allowed functions with anything
        raise SuiteError(f"{name}: damaged pickle ({type(error).__name__}: {error})") from error


def _check_memo(data: bytes) -> None:
    """Refuse places in the list of objects, and lengths, beyond the file's: memory is taken for them at once."""
    for opcode, argument, _ in pickletools.genops(data):
        if "PUT" in opcode.name and (argument or 0) > len(data):
            raise ValueError(f"object {argument:,} in {len(data):,} bytes")


class _ArrayUnpickler(pickle.Unpickler):
    """Loads pickles that name nothing but the functions and classes in `_ALLOWED`."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        key = module_name.replace("numpy._core", "numpy.core"), global_name
        if key not in _ALLOWED:
            named = f"{module_name}.{global_name}"
            raise SuiteError(f"refused, the pickle names {named}; only numpy arrays, bytes and plain values are read")
        return _ALLOWED[key]


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    # Both functions are taken from what arrays say of their own pickling, since numpy moved them between modules.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy.core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode_latin1,
}
