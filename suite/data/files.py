"""Files that are whole or not there; damaged ones are set aside."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from suite import SuiteError

log = logging.getLogger(__name__)


class StorageError(SuiteError, OSError):
    """A file that cannot be written, such as on a full disk: nobody's result, the same command continues later."""

    def __str__(self) -> str:
        return str(self.strerror)


class DamagedError(SuiteError, OSError):
    """A file that is cut or has other bytes than were written."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` once it is whole and on disk; an error leaves nothing of it.

    `path` holds either the old bytes or all the new ones, even after a power cut. A kill leaves a file `<name>*.tmp`,
    which nothing reads.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise StorageError(error.errno, f"{path}: cannot be written ({reason})", str(path)) from error
        raise


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` at once as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


def is_file_name(name: str) -> bool:
    """Whether a file or folder can be called so, and is one within its folder: no path, which may lead elsewhere."""
    return 0 < len(name.encode(errors="replace")) < 256 and name not in (".", "..") and not set(name) & set("/\\\0")


def check_unpacked(packed: int, unpacked: int) -> None:
    """Refuse content that takes far more memory than its file, as no data does and a zip bomb does.

    Args:
        packed: bytes of the file.
        unpacked: bytes of all that it holds.

    Raises:
        ValueError: it is above 256 MiB and a hundred times the file's size.
    """
    if unpacked > max(MOST_UNPACKED, 100 * packed):
        raise ValueError(f"{packed:,} bytes that unpack to {unpacked:,}")


MOST_UNPACKED = 256 << 20
"""Bytes that a file of any size may unpack to."""


def set_aside(path: Path, reason: object) -> None:
    """Rename a damaged file to `<name>.damaged`, which nothing reads, and log that with the reason, which names it."""
    path.replace(path.with_name(f"{path.name}{DAMAGED}"))
    log.warning("%s; set aside as %s%s, its work is done again", reason, path.name, DAMAGED)


DAMAGED = ".damaged"
"""What the name of a file that was set aside ends with."""
