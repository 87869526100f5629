"""A prepared pack on disk with its checksum beside it, so that nothing half-written or damaged is ever read."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data.cache import file_digest
from suite.data.files import replacing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedPack:
    """The pack at `path`, valid only with `<path>.sha256`, which is written last, in the format of sha256sum."""

    path: Path

    @property
    def sidecar(self) -> Path:
        """The file with the checksum."""
        return self.path.with_name(self.path.name + ".sha256")

    def exists(self) -> bool:
        """Whether both files are here, unchecked."""
        return self.path.is_file() and self.sidecar.is_file()

    def digest(self) -> str:
        """SHA-256 of the pack's bytes in hex.

        Raises:
            OSError: the pack cannot be read.
        """
        return file_digest(self.path)

    def damage(self) -> str | None:
        """What is wrong with the files, or None; the pack is hashed once per process while it stays the same."""
        try:
            expected, found = self.sidecar.read_text(errors="replace").split(" ")[0], self.digest()
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None if found == expected else f"its SHA-256 is {found}, not {expected} as {self.sidecar.name} says"

    def intact(self) -> bool:
        """Whether the pack is here and whole; logs a warning where it is damaged."""
        if not self.exists():
            return False
        if (damage := self.damage()) is not None:
            log.warning("%s: %s, so it is not used", self.path, damage)
            return False
        return True

    def write(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Write the same bytes for the same content, uncompressed: reading 1 GB then takes a second and not ten.

        Raises:
            OSError: the folder cannot be written.
        """
        for leftover in self.path.parent.glob(f"{self.path.name}*.tmp"):  # of a killed process; the caller has the lock
            leftover.unlink()
        with replacing(self.path) as file:
            text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
            content = {name: arrays[name] for name in sorted(arrays)} | {"meta": np.array(text)}
            np.savez(file, **content)  # type: ignore[arg-type]
        with replacing(self.sidecar) as file:
            file.write(f"{self.digest()}  {self.path.name}\n".encode())
