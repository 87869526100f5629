"""Files of tensors and plain values: checkpoints, weights, shared trainings; damaged ones are noticed."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.data.files import DamagedError, set_aside, write_atomic


def save_tensors(path: Path, state: Mapping[str, Any]) -> None:
    """Save a dict of tensors and plain values atomically."""
    write_atomic(path, encode_tensors(state))


def encode_tensors(state: Mapping[str, Any]) -> bytes:
    """The bytes of such a file."""
    import torch

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def load_tensors(path: Path) -> dict[str, Any]:
    """Load what `save_tensors` wrote; never executes code (weights_only).

    Raises:
        DamagedError: the file is cut or has other bytes than were written; torch alone would not notice.
    """
    import torch

    content = io.BytesIO(path.read_bytes())
    try:
        if (member := zipfile.ZipFile(content).testzip()) is not None:
            raise zipfile.BadZipFile(f"checksum of {member}")
        content.seek(0)
        state: dict[str, Any] = torch.load(content, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:  # intact, but of somebody else
        raise
    except Exception as error:  # zipfile, zlib and torch raise a dozen types on damaged bytes
        raise DamagedError(f"{path}: damaged ({error})") from error
    return state


def load_intact(path: Path) -> dict[str, Any] | None:
    """As `load_tensors`; None where there is no file, or a damaged one, which is set aside: it must be made again."""
    try:
        return load_tensors(path) if path.exists() else None
    except DamagedError as error:
        set_aside(path, error)
        return None
