"""Where records live: atomic files under results/<experiment>/runs/<id>/, shared artefacts beside them.

A run's id is the SHA-256 of everything that can change its result. Files are written to a temporary name, synced
and renamed; `record.json` comes last, so a run without one never happened. Locks of the operating system let
several processes share a folder and vanish with the process that held them. Runs may also lie in the experiment's
archive, `records.zip`; a run that is in both is read from its folder.
"""

import hashlib
import io
import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from suite import SuiteError
from suite.data.files import DAMAGED, DamagedError, set_aside, write_atomic
from suite.records.archive import ARCHIVE_NAME, Archive, Signature, signature
from suite.records.claims import CLAIM
from suite.records.record import DamagedRecordError, RecordError, RunRecord
from suite.records.tensors import encode_tensors

if TYPE_CHECKING:  # readers of records do not wait for torch
    import numpy as np
    import pandas as pd
    import torch

RESERVED_NAMES = ("artefacts", "published")
"""Folders of results/ that are no experiments."""

log = logging.getLogger(__name__)


def content_id(config: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of `config` as canonical JSON."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_run_files(
    *,
    history: "pd.DataFrame | None" = None,
    predictions: "Mapping[str, np.ndarray] | None" = None,
    architecture: Mapping[str, Any] | None = None,
    weights: "Mapping[str, torch.Tensor] | None" = None,
) -> dict[str, bytes]:
    """The files that lie beside a run's record, name -> content; nothing is written."""
    import numpy as np

    files = {}
    if history is not None:
        files["history.parquet"] = history.to_parquet(index=False)
    if predictions is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **dict(predictions))  # type: ignore[arg-type]
        files["predictions.npz"] = buffer.getvalue()
    if architecture is not None:
        files["architecture.json"] = (json.dumps(architecture, indent=1) + "\n").encode()
    if weights is not None:
        files["weights.pt"] = encode_tensors(weights)
    return files


def check_experiment_name(name: str, key: str) -> None:
    """Refuse a name that would not be a folder of its own in the folder of results; `key` is where it was given.

    Raises:
        SuiteError: it is empty, leads elsewhere, or is one that the suite uses itself.
    """
    if not name or name.startswith(".") or set(name) & set("/\\\0") or name in RESERVED_NAMES:
        raise SuiteError(
            f"{key}={name}: must be a plain folder name without a leading dot, "
            f"other than {' and '.join(RESERVED_NAMES)}"
        )


class Broken(NamedTuple):
    """A `record.json` that is left out, and why; `damaged` where its bytes are not those that were written."""

    run_id: str
    path: Path
    reason: str
    damaged: bool = False


@dataclass(frozen=True)
class Store:
    """The records of one experiment, `root/experiment`, and the artefacts that all experiments share.

    Parsed records are cached until their file changes.
    """

    root: Path
    experiment: str
    _cache: dict[Path, tuple[Signature, RunRecord | Broken]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _logged: set[Broken] = field(default_factory=set, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[type["Store"], tuple[Path, str]]:
        """Pickle the location only, not the cache."""
        return Store, (self.root, self.experiment)

    @property
    def folder(self) -> Path:
        """results/<experiment>."""
        return self.root / self.experiment

    @property
    def archive(self) -> Archive:
        """results/<experiment>/records.zip, which need not exist."""
        return Archive(self.folder / ARCHIVE_NAME)

    def run_folder(self, run_id: str) -> Path:
        """results/<experiment>/runs/<id>, where a run is at work; finished ones may lie in the archive instead."""
        return self.folder / "runs" / run_id

    def artefact_folder(self, artefact_id: str) -> Path:
        """results/artefacts/<id>."""
        return self.root / "artefacts" / artefact_id

    def run_ids(self) -> list[str]:
        """Every run that has a folder or lies in the archive, sorted."""
        folders = (path.name for path in (self.folder / "runs").glob("*") if path.is_dir())
        return sorted({*folders, *self.archive.files()})

    def run_files(self, run_id: str) -> list[str]:
        """Names of the files of a run that belong to its record, in its folder or else in the archive."""
        folder = self.run_folder(run_id)
        passing = (".lock", ".tmp", CLAIM, DAMAGED)
        names = [p.name for p in folder.glob("*") if p.is_file() and not p.name.endswith(passing)]
        return sorted({*names, *self.archive.files().get(run_id, ())})

    def read_file(self, run_id: str, name: str) -> bytes | None:
        """The content of one of a run's files, from its folder or else from the archive; None where there is none.

        Raises:
            OSError: it cannot be read; DamagedError where it is not the file that the run's record was written with.
        """
        path = self.run_folder(run_id) / name
        content = path.read_bytes() if path.exists() else self.archive.read(run_id, name)
        if content is None or name == "record.json":
            return content
        record = self.entry(run_id)
        if isinstance(record, RunRecord) and record.checksums.get(name, _sha256(content)) != _sha256(content):
            raise DamagedError(f"{path}: damaged: its checksum is not the one in the run's record")
        return content

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
        """The lock of a run's or an artefact's folder, which is made when it is acquired."""
        return FileLock(folder / ".lock")

    def read(self, run_id: str) -> RunRecord | None:
        """The run's record, or None where it has not ended.

        Raises:
            RecordError: it cannot be read; the text names the file.
        """
        entry = self.entry(run_id)
        if isinstance(entry, Broken):
            kind = DamagedRecordError if entry.damaged else RecordError
            raise kind(f"{entry.path}: {entry.reason}")
        return entry

    def read_or_set_aside(self, run_id: str) -> RunRecord | None:
        """As `read`; a damaged record in the run's folder is set aside, so that the run has not ended."""
        entry = self.entry(run_id)
        if isinstance(entry, Broken) and entry.damaged and entry.path.exists():  # not one in the archive, among others
            set_aside(entry.path, f"{entry.path}: {entry.reason}")
            return None
        return self.read(run_id)

    def write(self, record: RunRecord, files: Mapping[str, bytes] | None = None) -> None:
        """Write a run's files, name -> content as `encode_run_files` gives them, and `record.json` last, which has
        their checksums.
        """
        folder, files = self.run_folder(record.id), files or {}
        record = replace(record, checksums={name: _sha256(content) for name, content in files.items()})
        encoded = record.to_json().encode()
        for name, content in files.items():
            write_atomic(folder / name, content)
        write_atomic(folder / "record.json", encoded)

    def records(self) -> list[RunRecord]:
        """All usable records of the experiment, by id; those of `broken` are logged and left out."""
        return self._collect()[0]

    def broken(self) -> list[Broken]:
        """The record files that are left out, by path: torn, of another schema, in another run's folder, or of an
        older version of a benchmark than others have here (what a version changes, changes results).
        """
        return self._collect()[1]

    def _collect(self) -> tuple[list[RunRecord], list[Broken]]:
        entries = [self.entry(run_id) for run_id in self.run_ids()]
        readable = [entry for entry in entries if isinstance(entry, RunRecord)]
        outdated = _outdated(readable)
        broken = [entry for entry in entries if isinstance(entry, Broken)]
        broken += [Broken(run, self.run_folder(run) / "record.json", reason) for run, reason in outdated.items()]
        for entry in broken:
            if entry not in self._logged:
                self._logged.add(entry)
                log.warning("%s: left out: %s", entry.path, entry.reason)
        return [record for record in readable if record.id not in outdated], sorted(broken)

    def entry(self, run_id: str) -> RunRecord | Broken | None:
        """A run's record as far as it can be read on its own, parsed again only where its file has changed; None where
        it has none.
        """
        path = self.run_folder(run_id) / "record.json"
        try:
            now = signature(path) or signature(self.archive.path)
            cached = self._cache.get(path)
            if cached is not None and cached[0] == now:
                return cached[1]
            content = self.read_file(run_id, "record.json")
        except OSError as error:
            return Broken(run_id, path, str(error.strerror or error))
        if now is None or content is None:
            return None
        entry = _parse(content, run_id, path)
        self._cache[path] = (now, entry)
        return entry


def _parse(content: bytes, run_id: str, path: Path) -> RunRecord | Broken:
    try:
        record = RunRecord.from_json(content)
    except RecordError as error:
        return Broken(run_id, path, str(error), isinstance(error, DamagedRecordError))
    if record.id != run_id:
        return Broken(run_id, path, f"it is the record of run {record.id}, in another's folder")
    return record


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _outdated(records: Sequence[RunRecord]) -> dict[str, str]:
    """Run -> what to say of it, for those whose version of their benchmark others have surpassed."""
    newest: dict[str, int] = defaultdict(int)
    for record in records:
        newest[record.benchmark] = max(newest[record.benchmark], _version(record))
    return {
        r.id: f"benchmark {r.benchmark} in version {_version(r)}, others here in version {newest[r.benchmark]}"
        for r in records
        if _version(r) < newest[r.benchmark]
    }


def _version(record: RunRecord) -> int:
    """The benchmark's version, raised when a fix changes results; 0 where the record has none."""
    version = record.config.get("benchmark", {}).get("version")
    return version if isinstance(version, int) else 0
