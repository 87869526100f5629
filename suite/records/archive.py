"""An experiment's records as one file, `records.zip`: what is committed and sent of a finished experiment."""

import hashlib
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from suite.data.files import DamagedError, check_unpacked, is_file_name, replacing

ARCHIVE_NAME = "records.zip"
DEPLOYMENT = "deploy.json"
"""What `suite deploy` measured of a run's int8 network."""

ARCHIVED_FILES = (*("record.json", "history.parquet", "predictions.npz", "architecture.json", "plan.json"), DEPLOYMENT)
"""What an archive holds of a run: not its weights, checkpoints or files for a board."""

_DATE = (1980, 1, 1, 0, 0, 0)  # the same records give the same bytes
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)
"""What zipfile raises on damaged bytes; RuntimeError where they look encrypted, or of a newer version."""

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Archive:
    """The archive at `path`, whether it exists or not. Its members are `runs/<id>/<file>`."""

    path: Path

    def files(self) -> Mapping[str, Sequence[str]]:
        """Run id -> names of its files; empty where there is no archive.

        Raises:
            SuiteError: the archive is damaged.
        """
        now = signature(self.path)
        return {} if now is None else _list(self.path, now)

    def read(self, run_id: str, name: str) -> bytes | None:
        """A file of a run, or None where the archive has none of that name.

        Raises:
            OSError: it is damaged or cannot be read.
        """
        now = signature(self.path)
        if now is None or name not in _list(self.path, now).get(run_id, ()):
            return None
        try:
            return _open(self.path, now).read(f"runs/{run_id}/{name}")
        except _DAMAGED as error:
            raise DamagedError(f"{self.path}: runs/{run_id}/{name} is damaged ({error})") from error

    def write(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        """Replace the archive by one with these files, run id -> name -> content; atomically."""
        with replacing(self.path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
            for run_id, contents in sorted(files.items()):
                for name, content in sorted(contents.items()):
                    member = zipfile.ZipInfo(f"runs/{run_id}/{name}", _DATE)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    new.writestr(member, content)
            new.comment = _digest(new.infolist())


def signature(path: Path) -> Signature | None:
    """Modification time, inode and size: what changes when a file is replaced; None where there is none.

    Raises:
        OSError: the file cannot be looked at.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


@lru_cache(maxsize=4)
def _open(path: Path, _: Signature) -> zipfile.ZipFile:
    """The archive in memory (some MB): its list of members is read once, and processes that fork share no position."""
    return zipfile.ZipFile(io.BytesIO(path.read_bytes()))


@lru_cache(maxsize=32)
def _list(path: Path, now: Signature) -> Mapping[str, Sequence[str]]:
    files = defaultdict(list)
    try:
        archive = _open(path, now)
        check_unpacked(path.stat().st_size, sum(member.file_size for member in archive.infolist()))
        members = [member for member in archive.infolist() if _is_ours(member.filename)]
        if archive.comment not in (b"", _digest(members)):  # none: written before there were digests
            raise ValueError("its list of files is not as it was written")
    except (*_DAMAGED, OSError) as error:
        raise DamagedError(f"{path}: not a readable archive ({error})") from error
    for member in members:
        _, run_id, name = member.filename.split("/")
        files[run_id].append(name)
    return dict(files)


def _is_ours(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 3 and parts[0] == "runs" and is_file_name(parts[1]) and parts[2] in ARCHIVED_FILES


def _digest(members: Sequence[zipfile.ZipInfo]) -> bytes:
    """SHA-256 of the names and checksums of an archive's files: a changed name would else hide its run."""
    text = "".join(f"{member.filename} {member.CRC:08x}\n" for member in members)
    return f"sha256 {hashlib.sha256(text.encode(errors='replace')).hexdigest()}".encode()
