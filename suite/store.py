"""Where records live: atomic files under results/<experiment>/runs/<id>/, shared artefacts beside them.

A run's id is the SHA-256 of everything that can change its result. Files are written to a temporary name, synced
and renamed; `record.json` comes last, so a run without one never happened. Locks of the operating system let
several processes share a folder and vanish with the process that held them.
"""

import hashlib
import io
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock

from suite.errors import SuiteError
from suite.files import write_atomic
from suite.record import RecordError, RunRecord

log = logging.getLogger(__name__)


def content_id(config: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of `config` as canonical JSON."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_tensors(path: Path, state: Mapping[str, Any]) -> None:
    """Save a dict of tensors and plain values atomically."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomic(path, buffer.getvalue())


def load_tensors(path: Path) -> dict[str, Any]:
    """Load what `save_tensors` wrote; never executes code (weights_only)."""
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


@dataclass(frozen=True)
class Store:
    """The folder of one experiment, `root/experiment`, and the artefacts that all experiments share."""

    root: Path
    experiment: str

    @property
    def folder(self) -> Path:
        """results/<experiment>."""
        return self.root / self.experiment

    def run_folder(self, run_id: str) -> Path:
        """results/<experiment>/runs/<id>."""
        return self.folder / "runs" / run_id

    def artefact_folder(self, artefact_id: str) -> Path:
        """results/artefacts/<id>."""
        return self.root / "artefacts" / artefact_id

    def check_writable(self) -> None:
        """Fail before anything is trained if results could not be written.

        Raises:
            SuiteError: the folder cannot be made or written.
        """
        for folder in (self.folder / "runs", self.root / "artefacts"):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise SuiteError(
                    f"results_dir={self.root}: cannot write to {folder} ({error.strerror}). "
                    "Choose a writable folder with results_dir=DIR"
                ) from error

    def lock(self, folder: Path) -> FileLock:
        """The lock of a run's or an artefact's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".lock")

    def read(self, run_id: str) -> RunRecord | None:
        """The run's record, or None where it has not ended."""
        path = self.run_folder(run_id) / "record.json"
        return RunRecord.from_json(path.read_text()) if path.exists() else None

    def write(
        self,
        record: RunRecord,
        *,
        history: pd.DataFrame | None = None,
        predictions: Mapping[str, np.ndarray] | None = None,
        architecture: Mapping[str, Any] | None = None,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Write a run's files, `record.json` last."""
        folder = self.run_folder(record.id)
        if history is not None:
            buffer = io.BytesIO()
            history.to_parquet(buffer, index=False)
            write_atomic(folder / "history.parquet", buffer.getvalue())
        if predictions is not None:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **dict(predictions))  # type: ignore[arg-type]
            write_atomic(folder / "predictions.npz", buffer.getvalue())
        if architecture is not None:
            write_atomic(folder / "architecture.json", (json.dumps(architecture, indent=1) + "\n").encode())
        if weights is not None:
            save_tensors(folder / "weights.pt", weights)
        write_atomic(folder / "record.json", record.to_json().encode())

    def records(self) -> list[RunRecord]:
        """All readable records of the experiment, by id; an unreadable one is logged and skipped."""
        records = []
        for path in sorted((self.folder / "runs").glob("*/record.json")):
            try:
                records.append(RunRecord.from_json(path.read_text()))
            except (RecordError, OSError, UnicodeDecodeError) as error:
                log.warning("%s: unreadable, left out: %s", path, error)
        return records
