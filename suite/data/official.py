"""Official archives of data sets, turned once into a prepared pack.

An archive is read from a folder or downloaded, and its checksum is verified. A preparation (one class for each data
set) turns it into arrays, which are written as a pack to the user's cache folder. Runs read that as any other pack.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pooch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.base import Data
from suite.data.cache import file_digest, format_megabytes
from suite.data.download import ResumableDownload
from suite.data.files import replacing
from suite.data.pack import FORMAT, PackSource
from suite.data.progress import ReportProgress, terminal_progress

log = logging.getLogger(__name__)

_CHECKSUM_NAMES = {"sha256": "SHA-256", "md5": "MD5"}


@dataclass(frozen=True)
class Archive:
    """A file that a data set's authors publish: `checksum` is "sha256:..." or "md5:...", `size` is in bytes."""

    name: str
    url: str
    checksum: str
    size: int

    def describe_damage(self, path: Path) -> str | None:
        """What is wrong with the copy at `path`, or None; its checksum is cached until the file changes."""
        kind, expected = self.checksum.split(":")
        try:
            size = path.stat().st_size
            if size != self.size:
                return f"{'truncated' if size < self.size else 'another file'}: {size:,} bytes, not {self.size:,}"
            actual = file_digest(path, kind)
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None if actual == expected else f"its {_CHECKSUM_NAMES.get(kind, kind)} is {actual}, not {expected}"

    def __str__(self) -> str:
        return f"{self.name} ({format_megabytes(self.size)}, {self.url})"


@dataclass(frozen=True)
class PackContents:
    """Arrays of a pack (`suite.data.pack` lists them) and the names of its classes, none in anomaly detection."""

    arrays: Mapping[str, NDArray[Any]]
    classes: Sequence[str] = ()


class Preparation(Protocol):
    """Turns a data set's archives into a pack. Implementations are frozen dataclasses whose fields are options.

    `version` is to be raised when the result changes. `title` and `licence` are shown by `suite data`.
    """

    version: ClassVar[int]
    title: ClassVar[str]
    licence: ClassVar[str]

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archives that `pack` reads."""

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """Make the pack's contents of `files`, the verified archives in the order of `archives`; always the same.

        Raises:
            SuiteError: an archive does not hold what is expected; the text names archive and member.
        """


@dataclass(frozen=True)
class OfficialSource:
    """The data of `benchmark` from archives in `folder` or the user's cache folder.

    Archives that are in neither are downloaded to the cache folder, unless `download` is false.
    """

    benchmark: str
    preparation: Preparation
    folder: Path | None = None
    download: bool = True

    @property
    def prepared(self) -> Path:
        """Path of the prepared pack, which may not exist yet; with a hash of archives, preparation and options."""
        return cache_folder() / f"{self.benchmark}-{self._hash_preparation()[:12]}.npz"

    def local_archives(self) -> dict[str, Path]:
        """Paths of the archives on this machine by `Archive.name`; their checksums are not verified."""
        folders = [folder for folder in (cache_folder(), self.folder) if folder is not None]
        paths = [folder / archive.name for folder in folders for archive in self.preparation.archives]
        return {path.name: path for path in paths if path.is_file()}  # one in `folder` replaces that in the cache

    def describe(self) -> dict[str, str]:
        """Title, location, licence, size and present of the data; verifies no checksum.

        `present` is "yes" if the prepared pack exists, "archive" if all archives do, else "no".
        """
        archives, local = self.preparation.archives, self.local_archives()
        facts = {"title": self.preparation.title, "licence": self.preparation.licence}
        if (pack := self.prepared).is_file():
            return facts | {"present": "yes", "location": str(pack), "size": format_megabytes(pack.stat().st_size)}
        complete = len(local) == len(archives)
        locations = [str(local[archive.name]) if complete else archive.url for archive in archives]
        size = format_megabytes(sum(archive.size for archive in archives))
        return facts | {"present": "archive" if complete else "no", "location": ", ".join(locations), "size": size}

    def fingerprint(self) -> str:
        """SHA-256 in hex of the archives' checksums and the preparation's name, version and options; reads no file.

        Raises:
            SuiteError: neither the prepared pack nor the archives exist, and they may not be downloaded.
        """
        if not self.prepared.is_file():
            self._check_archives()
        return self._hash_preparation()

    def load(self, cache: Path) -> Data:
        """Load the splits from the prepared pack, which is made first if it is missing, and anew if it is damaged.

        Raises:
            SuiteError: as `prepare` and `PackSource.load`.
        """
        with terminal_progress() as report_progress:
            pack = PackSource(self.prepare(report_progress), self.benchmark)
            try:
                return pack.load(cache)
            except SuiteError as error:
                log.warning("%s, so it is not used", error)
                self.prepare(report_progress, force=True)
        return pack.load(cache)

    def prepare(self, report_progress: ReportProgress = lambda task, done, total: None, *, force: bool = False) -> Path:
        """Make the prepared pack, unless it exists and `force` is false; its path.

        Raises:
            SuiteError: an archive is missing and cannot be downloaded, is damaged or holds something else, or the
                cache folder cannot be written; the text names the file and what to do.
        """
        pack = self.prepared
        if not force and pack.is_file():
            return pack
        try:
            with _acquire(cache_folder() / f"{self.benchmark}.lock"):
                if not force and pack.is_file():  # another process has made it in the meantime
                    return pack
                self._check_archives()
                files = [self._verified_archive(archive, report_progress) for archive in self.preparation.archives]
                _log_off_terminal(f"{self.benchmark}: preparing {', '.join(file.name for file in files)}, once")
                contents = self.preparation.pack(files, report_progress)
                self._write_pack(contents)
        except OSError as error:
            raise SuiteError(
                f"{error.filename or pack}: cannot be written ({error.strerror}); the data is prepared in "
                f"{cache_folder()}, which XDG_CACHE_HOME moves"
            ) from error
        return pack

    def _hash_preparation(self) -> str:
        facts = {
            "archives": [archive.checksum for archive in self.preparation.archives],
            "preparation": type(self.preparation).__name__,
            "version": self.preparation.version,
            "options": asdict(self.preparation),  # type: ignore[call-overload]
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()

    def _write_pack(self, contents: PackContents) -> None:
        """Write the pack uncompressed, so that reading 1 GB takes a second, not ten; equal contents, equal bytes.

        Only one process may call this at a time: it deletes the temporary files that a killed one has left. The zip's
        checksums, which are compared on reading, tell a damaged pack.
        """
        for leftover in self.prepared.parent.glob(f"{self.prepared.name}*.tmp"):
            leftover.unlink()
        facts = {"title": self.preparation.title, "licence": self.preparation.licence}
        facts["source"] = ", ".join(archive.url for archive in self.preparation.archives)
        named = {"classes": list(contents.classes)} if contents.classes else {}
        meta = {"format": FORMAT, "benchmark": self.benchmark, **facts, **named}
        text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
        with replacing(self.prepared) as file:
            np.savez(file, **dict(sorted(contents.arrays.items())), meta=np.array(text))  # type: ignore[arg-type]

    def _verified_archive(self, archive: Archive, report_progress: ReportProgress) -> Path:
        """Path of the archive on this machine, downloaded if need be, its checksum verified."""
        cached = cache_folder() / archive.name
        path = self.local_archives().get(archive.name)
        if path is not None:
            report_progress(f"checking {archive.name}", 0, None)
            damage = archive.describe_damage(path)
            if damage is None:
                return path
            if path != cached or not self.download:
                raise SuiteError(f"{path}: {damage}; delete it, or replace it with that from {archive.url}")
            log.warning("%s: %s; downloaded anew", path, damage)
        with _acquire(cached.with_name(archive.name + ".lock")):
            self._download(archive, cached, report_progress)
        return cached

    def _download(self, archive: Archive, target: Path, report_progress: ReportProgress) -> None:
        part = target.with_name(archive.name + ".part")
        _log_off_terminal(f"{self.benchmark}: downloading {archive}")
        downloader = ResumableDownload(part, archive.size, partial(report_progress, f"downloading {archive.name}"))
        pooch.get_logger().setLevel(logging.WARNING)  # its messages would repeat ours
        for resumed in (part.exists(), False):
            try:
                pooch.retrieve(archive.url, archive.checksum, target.name, target.parent, downloader=downloader)
                return
            except ValueError as error:  # raised by pooch on a wrong checksum
                # The part from an earlier call may belong to another version of the file: once more, from the start.
                if not resumed:
                    raise self._unavailable([archive], f"downloaded, but damaged ({error})") from error
            except SuiteError as error:
                raise self._unavailable([archive], f"cannot be downloaded ({error})") from error

    def _check_archives(self) -> None:
        """Refuse archives that are missing and may not be downloaded."""
        local = self.local_archives()
        missing = [archive for archive in self.preparation.archives if archive.name not in local]
        if missing and not self.download:
            raise self._unavailable(missing, "not found, and benchmark.data.download=false")

    def _unavailable(self, archives: list[Archive], reason: str) -> SuiteError:
        them = "them" if len(archives) > 1 else "it"
        folder = f" benchmark.data.folder={self.folder} does not hold {them}." if self.folder else ""
        return SuiteError(
            f"{self.benchmark}: {', '.join(map(str, archives))}: {reason}.{folder} Put {them} into a folder and give "
            "that with benchmark.data.folder=DIR or SUITE_DATA_DIR=DIR, or give a pack with benchmark.data.pack=FILE"
        )


def cache_folder() -> Path:
    """The user's folder for downloaded archives and prepared packs: ~/.cache/tinyml-nas-suite or XDG_CACHE_HOME's."""
    return Path(pooch.os_cache("tinyml-nas-suite"))


def _log_off_terminal(text: str) -> None:
    # On a terminal, the progress bars show it, and a log line would break them.
    if not sys.stderr.isatty():
        log.info(text)


def _acquire(path: Path) -> AbstractContextManager[object]:
    """The lock file `path`, which one process at a time holds in a `with`; the system releases that of a killed one."""
    lock = FileLock(path)
    with suppress(Timeout):
        return lock.acquire(timeout=0)
    log.info("%s: waiting for another process", path)
    return lock.acquire()
