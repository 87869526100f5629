"""What an experiment has done and what is missing, from its plan notes and records."""

import json

from filelock import Timeout
from rich.table import Table

from suite.record import RecordError
from suite.store import Store


def status_table(store: Store) -> Table:
    """One row a planned run: done, failed, running, missing or unreadable; the totals are the caption."""
    table = Table(title=f"experiment {store.experiment}")
    for column in ("id", "run", "preset", "device", "status", "score", "fits"):
        table.add_column(column, no_wrap=column in ("id", "status"))
    totals: dict[str, int] = {}
    for folder in sorted((store.folder / "runs").iterdir()):
        row = _row(store, folder.name)
        if row is None:
            continue
        totals[row[4]] = totals.get(row[4], 0) + 1
        table.add_row(*row)
    table.caption = ", ".join(f"{count} {name}" for name, count in sorted(totals.items()))
    return table


def _row(store: Store, run_id: str) -> tuple[str, ...] | None:
    path = store.run_folder(run_id) / "plan.json"
    note = json.loads(path.read_text()) if path.exists() else {"label": "?", "preset": "?", "device": "?"}
    head = (run_id, note["label"], note["preset"], note["device"])
    try:
        record = store.read(run_id)
    except RecordError as error:
        return (*head, "unreadable", "", str(error))
    if record is None:
        return (*head, "running" if _is_running(store, run_id) else "missing", "", "")
    if record.status != "done":
        return (*head, record.status, "", record.error or "")
    return (*head, "done", f"{record.scores['test']:.4f}", "yes" if record.feasible else "no")


def _is_running(store: Store, run_id: str) -> bool:
    try:
        with store.lock(store.run_folder(run_id)).acquire(timeout=0):
            return False
    except Timeout:
        return True
