"""Making an experiment's archive from its run folders."""

import shutil
from contextlib import suppress
from dataclasses import dataclass

from filelock import Timeout

from suite import SuiteError
from suite.records.archive import ARCHIVED_FILES
from suite.records.claims import living_claim
from suite.records.store import Store


@dataclass(frozen=True)
class Archived:
    """What an archive holds now: `runs` in all, `unfinished` of them without a finished record; its `size` in bytes."""

    runs: int
    unfinished: int
    size: int


def archive_experiment(store: Store, *, remove: bool = False) -> Archived:
    """Write `records.zip` with every run of the experiment, those that it held before included.

    Args:
        store: the experiment; finished, failed and planned runs are archived alike.
        remove: afterwards remove the folders of the runs, weights and checkpoints included.

    Raises:
        SuiteError: there is no run, one is at work, or a record is torn or of another schema.
    """
    ids = store.run_ids()
    if busy := [run_id for run_id in ids if living_claim(store.run_folder(run_id))]:
        raise SuiteError(f"{store.folder}: {len(busy)} runs are at work ({busy[0]}): archive it when they have ended")
    finished = sum(record is not None and record.status == "done" for record in map(store.read, ids))
    contents: dict[str, dict[str, bytes]] = {}
    for run_id in ids:
        files = {name: store.read_file(run_id, name) for name in store.run_files(run_id) if name in ARCHIVED_FILES}
        if present := {name: content for name, content in files.items() if content is not None}:
            contents[run_id] = present
    if not contents:
        raise SuiteError(f"{store.folder}: no runs to archive")
    store.archive.write(contents)
    if remove:
        _remove_folders(store, contents)
    return Archived(len(contents), len(contents) - finished, store.archive.path.stat().st_size)


def _remove_folders(store: Store, contents: dict[str, dict[str, bytes]]) -> None:
    """Remove the folders whose files are in the archive as they are; those of runs that went on meanwhile stay.

    Raises:
        SuiteError: the archive does not hold what was written to it; no folder was removed.
    """
    for run_id, files in contents.items():
        if any(store.archive.read(run_id, name) != content for name, content in files.items()):
            raise SuiteError(f"{store.archive.path}: run {run_id} was not written as it is; no folder was removed")
    for run_id, files in contents.items():
        folder = store.run_folder(run_id)
        if not folder.is_dir():
            continue
        with suppress(Timeout), store.lock(folder).acquire(timeout=0):
            now = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in ARCHIVED_FILES}
            if now.items() <= files.items():
                shutil.rmtree(folder, ignore_errors=True)
