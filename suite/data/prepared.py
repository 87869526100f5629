"""A prepared pack on disk with its checksum beside it, so that a half-written or damaged pack is never read."""

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
    """The pack at `path`. It is valid only if `<path>.sha256`, written after it in sha256sum's format, matches."""

    path: Path

    @property
    def sidecar(self) -> Path:
        """Path of the file with the checksum."""
        return self.path.with_name(self.path.name + ".sha256")

    def exists(self) -> bool:
        """Whether both files exist; their content is not checked."""
        return self.path.is_file() and self.sidecar.is_file()

    def digest(self) -> str:
        """SHA-256 of the pack's bytes in hex.

        Raises:
            OSError: the pack cannot be read.
        """
        return file_digest(self.path)

    def describe_damage(self) -> str | None:
        """What is wrong with the files, or None; the pack's checksum is cached until the file changes."""
        try:
            expected, actual = self.sidecar.read_text(errors="replace").split(" ")[0], self.digest()
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None if actual == expected else f"its SHA-256 is {actual}, not {expected} as {self.sidecar.name} says"

    def is_intact(self) -> bool:
        """Whether the pack exists and matches its checksum; logs a warning if it does not match."""
        if not self.exists():
            return False
        if (damage := self.describe_damage()) is not None:
            log.warning("%s: %s, so it is not used", self.path, damage)
            return False
        return True

    def write(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Write the pack uncompressed, so that reading 1 GB takes a second instead of ten; equal content, equal bytes.

        Only one process may call this at a time: it deletes the temporary files that a killed one has left.

        Raises:
            OSError: the folder cannot be written.
        """
        for leftover in self.path.parent.glob(f"{self.path.name}*.tmp"):
            leftover.unlink()
        with replacing(self.path) as file:
            text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
            content = {name: arrays[name] for name in sorted(arrays)} | {"meta": np.array(text)}
            np.savez(file, **content)  # type: ignore[arg-type]
        with replacing(self.sidecar) as file:
            file.write(f"{self.digest()}  {self.path.name}\n".encode())
