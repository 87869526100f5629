"""A data set in two small official archives, and how it is prepared."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from suite.data.archives import read_members
from suite.data.official import Archive, OfficialSource, PackContents
from suite.data.progress import ReportProgress

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
LABELS = bytes(i % 2 for i in range(40))


def checksum(content: bytes, kind: str = "sha256") -> str:
    return f"{kind}:{hashlib.new(kind, content).hexdigest()}"


def archive_of(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a .tar.gz or .zip, the same bytes whenever."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in members.items():
                file.writestr(zipfile.ZipInfo(name), content)
        return path
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def described(path: Path, url: str = "http://127.0.0.1:9", kind: str = "sha256") -> Archive:
    """The archive that the file at `path` is."""
    content = path.read_bytes()
    return Archive(path.name, f"{url}/{path.name}", checksum(content, kind), len(content))


@dataclass(frozen=True)
class Toy:
    version: ClassVar[int] = 1
    title: ClassVar[str] = "forty toys"
    licence: ClassVar[str] = "free"

    archives: tuple[Archive, ...] = ()
    shift: int = 0

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        report_progress("reading toys", 0, None)
        pixels = read_members(files[0], ["toys/pixels"])["toys/pixels"]
        labels = read_members(files[1], ["toys/labels"])["toys/labels"]
        arrays = {
            "y": np.frombuffer(labels, np.uint8).astype(np.int16),
            "x": np.frombuffer(pixels, np.uint8).reshape(-1, 1, 4, 4) + np.uint8(self.shift),
            "split": np.repeat([0, 1, 2], [20, 10, 10]).astype(np.uint8),
        }
        return PackContents(arrays, ["cat", "dog"])


def write_toys(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    archive_of(folder / "pixels.tar.gz", {"toys/pixels": PIXELS.tobytes()})
    archive_of(folder / "labels.zip", {"toys/labels": LABELS})
    return folder


def toy_source(folder: Path | None, written: Path, url: str = "http://127.0.0.1:9", **options: bool) -> OfficialSource:
    """Toys whose archives are those in `written`, looked for in `folder`."""
    archives = described(written / "pixels.tar.gz", url), described(written / "labels.zip", url, "md5")
    return OfficialSource("toys", Toy(archives), folder, **options)
