"""Benchmarks' data as their authors publish it: archives that are turned once into a prepared pack.

An archive is taken from a folder or downloaded, its checksum verified. A preparation, one class a data set, makes
arrays of it. These are kept as a pack in the user's cache folder and read as any other pack.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pooch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.base import Data
from suite.data.cache import file_digest, megabytes
from suite.data.download import InBytes, Resumable, on_terminal
from suite.data.pack import FORMAT, PackSource
from suite.data.prepared import PreparedPack

log = logging.getLogger(__name__)

Tell = Callable[[str, int, int | None], None]
"""Is told of progress: what, how much is done, of how much."""

_KINDS = {"sha256": "SHA-256", "md5": "MD5"}


@dataclass(frozen=True)
class Archive:
    """A file that a data set's authors offer: `checksum` is "sha256:..." or "md5:...", `size` in bytes."""

    name: str
    url: str
    checksum: str
    size: int

    def damage(self, path: Path) -> str | None:
        """What is wrong with the copy at `path`, or None; hashed once per process while it stays the same."""
        kind, expected = self.checksum.split(":")
        try:
            size = path.stat().st_size
            if size != self.size:
                return f"{'truncated' if size < self.size else 'another file'}: {size:,} bytes, not {self.size:,}"
            found = file_digest(path, kind)
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None if found == expected else f"its {_KINDS.get(kind, kind)} is {found}, not {expected}"

    def __str__(self) -> str:
        return f"{self.name} ({megabytes(self.size)}, {self.url})"


@dataclass(frozen=True)
class PackContents:
    """Arrays of a pack (`suite.data.pack` lists them) and its meta; "format" and "benchmark" are added."""

    arrays: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any]


class Preparation(Protocol):
    """How archives become a pack. Implementations are frozen dataclasses whose fields are options.

    `version` is raised when the result changes. `title` and `licence` are for people.
    """

    version: ClassVar[int]
    title: ClassVar[str]
    licence: ClassVar[str]

    @property
    def archives(self) -> tuple[Archive, ...]:
        """What is needed."""

    def pack(self, files: Mapping[str, Path], tell: Tell) -> PackContents:
        """The pack's contents, the same for the same bytes; `files` are verified archives by `Archive.name`.

        Raises:
            SuiteError: an archive does not hold what it should; the text names it and the member.
        """


@dataclass(frozen=True)
class OfficialSource:
    """The data of `benchmark`: archives in `folder` or in the user's cache, or downloaded there if `download`."""

    benchmark: str
    preparation: Preparation
    folder: Path | None = None
    download: bool = True

    @property
    def prepared(self) -> PreparedPack:
        """Where the prepared pack is or will be; its name follows from archives, preparation and options."""
        return PreparedPack(cache_folder() / f"{self.benchmark}-{self._key()[:12]}.npz")

    def found(self) -> dict[str, Path]:
        """The archives that are on this machine, unchecked, by name."""
        folders = [folder for folder in (self.folder, cache_folder()) if folder is not None]
        places = {archive.name: [folder / archive.name for folder in folders] for archive in self.preparation.archives}
        here = {name: next((path for path in paths if path.is_file()), None) for name, paths in places.items()}
        return {name: path for name, path in here.items() if path is not None}

    def describe(self) -> dict[str, str]:
        """Title, place, licence, size and present: "yes" once prepared, "archive" before, or "no"; checks no sum."""
        archives, found = self.preparation.archives, self.found()
        facts = {"title": self.preparation.title, "licence": self.preparation.licence}
        if self.prepared.exists():
            path = self.prepared.path
            return facts | {"present": "yes", "place": str(path), "size": megabytes(path.stat().st_size)}
        here = len(found) == len(archives)
        places = [str(found[archive.name]) if here else archive.url for archive in archives]
        size = megabytes(sum(archive.size for archive in archives))
        return facts | {"present": "archive" if here else "no", "place": ", ".join(places), "size": size}

    def fingerprint(self) -> str:
        """SHA-256 over the archives' checksums, the preparation, its version and options; needs no file's content.

        Raises:
            SuiteError: neither the prepared pack nor the archives are here, and they may not be downloaded.
        """
        if not self.download and not self.prepared.exists():
            self._require_archives()
        return self._key()

    def load(self, cache: Path) -> Data:
        """The splits from the prepared pack, which is made first where it is missing or damaged.

        Raises:
            SuiteError: as `prepare` and `PackSource.load`.
        """
        with on_terminal() as tell:
            pack = self.prepare(tell)
        return PackSource(pack, self.benchmark).load(cache)

    def prepare(self, tell: Tell = lambda what, done, total: None, *, force: bool = False) -> Path:
        """The prepared pack, made of the archives unless an intact one is here; with `force` in any case.

        Raises:
            SuiteError: an archive is missing and cannot be downloaded, is damaged or holds something else, or the
                cache folder cannot be written; the text names the file and what to do.
        """
        pack = self.prepared
        if not force and pack.intact():
            return pack.path
        try:
            with _locked(cache_folder() / f"{self.benchmark}.lock"):
                if not force and pack.intact():  # another process made it
                    return pack.path
                if not self.download:
                    self._require_archives()
                files = {archive.name: self._archive(archive, tell) for archive in self.preparation.archives}
                _say(f"{self.benchmark}: preparing {', '.join(files)}, once")
                contents = self.preparation.pack(files, tell)
                pack.write(contents.arrays, self._meta(contents.meta))
        except OSError as error:
            raise SuiteError(
                f"{error.filename or pack.path}: cannot be written ({error.strerror}); the data is prepared in "
                f"{cache_folder()}, which XDG_CACHE_HOME moves"
            ) from error
        return pack.path

    def _key(self) -> str:
        facts = {
            "archives": [archive.checksum for archive in self.preparation.archives],
            "preparation": type(self.preparation).__name__,
            "version": self.preparation.version,
            "options": asdict(self.preparation),  # type: ignore[call-overload]
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()

    def _meta(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        facts = {"title": self.preparation.title, "licence": self.preparation.licence}
        facts["source"] = ", ".join(archive.url for archive in self.preparation.archives)
        return {**facts, **meta, "format": FORMAT, "benchmark": self.benchmark}

    def _archive(self, archive: Archive, tell: Tell) -> Path:
        """The archive on this machine, its checksum verified."""
        cached = cache_folder() / archive.name
        path = self.found().get(archive.name)
        if path is not None:
            tell(f"checking {archive.name}", 0, None)
            damage = archive.damage(path)
            if damage is None:
                return path
            if path != cached or not self.download:
                raise SuiteError(f"{path}: {damage}; delete it, or replace it with that from {archive.url}")
            log.warning("%s: %s; downloaded anew", path, damage)
        with _locked(cached.with_name(archive.name + ".lock")):
            self._fetch(archive, cached, tell)
        return cached

    def _fetch(self, archive: Archive, target: Path, tell: Tell) -> None:
        what = InBytes(f"downloading {archive.name}")
        part = target.with_name(archive.name + ".part")
        _say(f"{self.benchmark}: downloading {archive}")
        downloader = Resumable(part, archive.size, lambda done, total: tell(what, done, total))
        pooch.get_logger().setLevel(logging.WARNING)  # it would say the same again
        for resumed in (part.exists(), False):
            try:
                pooch.retrieve(archive.url, archive.checksum, target.name, target.parent, downloader=downloader)
                return
            except ValueError as error:  # pooch's word for a wrong checksum
                # The kept part may have come from another version of the file: once more, from the start.
                if not resumed:
                    raise self._missing([archive], f"downloaded, but damaged ({error})") from error
            except SuiteError as error:
                raise self._missing([archive], f"cannot be downloaded ({error})") from error

    def _require_archives(self) -> None:
        found = self.found()
        if missing := [archive for archive in self.preparation.archives if archive.name not in found]:
            raise self._missing(missing, "not found, and benchmark.data.download=false")

    def _missing(self, archives: list[Archive], reason: str) -> SuiteError:
        them = "them" if len(archives) > 1 else "it"
        folder = f" benchmark.data.folder={self.folder} does not hold {them}." if self.folder else ""
        return SuiteError(
            f"{self.benchmark}: {', '.join(map(str, archives))}: {reason}.{folder} Put {them} into a folder and give "
            "that with benchmark.data.folder=DIR or SUITE_DATA_DIR=DIR, or give a pack with benchmark.data.pack=FILE"
        )


def cache_folder() -> Path:
    """The user's folder for downloaded archives and prepared packs: ~/.cache/tinyml-nas-suite or XDG_CACHE_HOME's."""
    return Path(pooch.os_cache("tinyml-nas-suite"))


def _say(text: str) -> None:
    # On a terminal the bars say it, and a line of the log would break them.
    if not sys.stderr.isatty():
        log.info(text)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all processes; the operating system gives the lock of a killed one back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s: waiting for another process", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
