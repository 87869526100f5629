"""Whole experiments made of synthetic records, in folders or in an archive."""

from pathlib import Path

import numpy as np
import pandas as pd

from suite.records.archiving import archive_experiment
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.records.tensors import save_tensors

HISTORY = pd.DataFrame({"phase": ["search", "search"], "epoch": [0, 1], "score": [0.5, 0.6]})


def experiment(folder: Path, *records: RunRecord, name: str = "example") -> Store:
    """An experiment with these records, each with all files that a run leaves."""
    store = Store(folder, name)
    for record in records:
        note_plan(store, record.id, record.seed)
        store.write(
            record,
            encode_run_files(
                history=HISTORY, predictions={"predicted": np.arange(9)}, architecture={"widths": {"stem": 3}}
            ),
        )
        save_tensors(store.run_folder(record.id) / "weights.pt", {})
    return store


def note_plan(store: Store, run: str, seed: int) -> None:
    folder = store.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN_NOTE).write_bytes(PlanNote("digits", "duccio", "weights 25%", seed, "paper", "gap8").to_json())


def archived(store: Store) -> Store:
    """The experiment with nothing but its archive left, as in a fresh clone."""
    archive_experiment(store, remove=True)
    return Store(store.root, store.experiment)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
