"""What is fuzzed of an experiment's folder: records, archives of them, and the files beside them."""

import io
import itertools
import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from experiments import experiment
from fuzzing import ODD_VALUES, Fuzz, as_json, damaged, json_files, mutated, suite, tensors
from hypothesis import strategies as st
from synthetic import make_record, make_records, with_chance, with_recipe
from synthetic_files import ARCHITECTURE, NETWORK_NODES, deployed, short_history

from suite import SuiteError
from suite.records.archiving import archive_experiment
from suite.records.merge import merge
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.records.tensors import encode_tensors

RECORD = with_recipe(with_chance(make_record()))


def _tree(record: RunRecord) -> dict[str, Any]:
    """As JSON without its checksum, which every change would make wrong."""
    tree: dict[str, Any] = json.loads(record.to_json())
    return {name: value for name, value in tree.items() if name != "checksum"}


def _store(folder: Path) -> tuple[Store, str]:
    """An experiment of three runs without checksums, and the id of the one that is damaged."""
    records = [RECORD, *make_records(1)[1:3]]
    store = experiment(folder / "results", *records)
    for record in records:
        (store.run_folder(record.id) / "record.json").write_bytes(as_json(_tree(record)))
    return store, RECORD.id


def _read(store: Store, run: str) -> None:
    """What every verb that reads records says of them."""
    suite("show", store.run_folder(run))
    suite("status", store.folder)
    suite("export", store.folder, store.root.parent / "table.csv")


def record(folder: Path) -> Fuzz:
    store, run = _store(folder)
    path = store.run_folder(run) / "record.json"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        _read(store, run)
        suite("diff", store.run_folder(run), store.run_folder(store.run_ids()[-1]))
        suite("show", store.folder, "--best")

    return Fuzz(json_files(_tree(RECORD)), check, few=8)


def report(folder: Path) -> Fuzz:
    """The report: records, and all that it reads beside them, in formats of which some are quick."""
    store, run = _store(folder)
    names = ("record.json", "architecture.json", "deploy.json", "plan.json")
    for other in store.run_ids():
        (store.run_folder(other) / "architecture.json").write_bytes(as_json(ARCHITECTURE | NETWORK_NODES))
        (store.run_folder(other) / "deploy.json").write_text(deployed(other).to_json())
    originals = {name: (store.run_folder(run) / name).read_bytes() for name in names}
    files = [st.tuples(st.just(name), json_files(json.loads(content))) for name, content in originals.items()]
    formats = st.sampled_from(("csv,md", "csv,md,tex", "csv", "png", "html"))

    def check(drawn: tuple[tuple[str, bytes], str]) -> None:
        (name, content), form = drawn
        (store.run_folder(run) / name).write_bytes(content)
        suite("report", store.folder, "--format", form)
        (store.run_folder(run) / name).write_bytes(originals[name])

    return Fuzz(st.tuples(st.one_of(files), formats), check, few=3)


def status(folder: Path) -> Fuzz:
    """Plans, claims and heartbeats of runs that have not ended."""
    store, run = _store(folder)
    (store.run_folder(run) / "record.json").unlink()
    claim = {"host": "elsewhere", "pid": 7, "started": "9", "since": "now", "token": "t", "expires_s": 1e9, "ended": ""}
    plan = json.loads((store.run_folder(run) / "plan.json").read_bytes())
    beat = {"meter": {"search": {"macs": 5.0, "wall_s": 1.0}}}
    checkpoints = store.run_folder(run) / "checkpoints"
    checkpoints.mkdir()

    def check(drawn: tuple[bytes, bytes, bytes]) -> None:
        for path, content in zip(("claim.json", "plan.json", "checkpoints/a.beat"), drawn, strict=True):
            (store.run_folder(run) / path).write_bytes(content)
        suite("status", store.folder)

    beats = st.one_of(damaged(encode_tensors(beat)), tensors(beat))
    return Fuzz(st.tuples(json_files(claim), json_files(plan), beats), check)


def deployment(folder: Path) -> Fuzz:
    store, run = _store(folder)
    path = store.run_folder(run) / "deploy.json"
    tree = json.loads(deployed(run).to_json())

    def check(content: bytes) -> None:
        path.write_bytes(content)
        _read(store, run)

    return Fuzz(json_files(tree), check, few=8)


def archive(folder: Path) -> Fuzz:
    """`records.zip` with damaged bytes, and whole ones with odd members, for readers and for `merge`."""
    store, run = _store(folder)
    archive_experiment(store, remove=True)
    path, content = store.archive.path, store.archive.path.read_bytes()
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    names = st.sampled_from(
        ("runs/../record.json", "runs/./record.json", "runs//record.json", "/runs/a/record.json", "runs/a/../../odd",
         "runs/a\\..\\b/record.json", "runs/名/record.json", f"runs/{'x' * 300}/record.json", "../../odd")
    )  # fmt: skip
    ids = st.sampled_from(("..", ".", "", "a/../../odd", "/odd", "x" * 300, run))
    numbers = itertools.count()
    (folder / "odd").mkdir()
    (folder / "odd" / "file").write_text("not of this experiment")

    def odd(drawn: tuple[str, str, bytes]) -> bytes:
        name, run_id, record_json = drawn
        with suppress(ValueError):
            record_json = as_json(json.loads(record_json) | {"id": run_id, "artefacts": [name, "../../odd"]})
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for member, data in (members | {name: record_json}).items():
                file.writestr(member, data)
        return buffer.getvalue()

    def check(content: bytes) -> None:
        path.write_bytes(content)
        _read(store, run)
        into = Store(folder / "in" / "merged", f"m{next(numbers)}")
        with suppress(SuiteError):
            merge(into, [Store(store.root, store.experiment)])
        assert _children(into.root.parent) <= {"merged"}
        assert _children(into.root) <= {"artefacts", into.experiment}
        assert _children(into.folder) <= {"runs"}
        shutil.rmtree(folder / "in", ignore_errors=True)

    whole = st.tuples(names, ids, st.just(as_json(_tree(RECORD)))).map(odd)
    return Fuzz(st.one_of(damaged(content), whole), check, few=6)


def _children(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def history(folder: Path) -> Fuzz:
    """`history.parquet`: other bytes, and tables with other columns, in the figures and the page that read it."""
    from suite.report.build import Report
    from suite.report.figures.catalogue import plan_figures
    from suite.report.figures.format import DEFAULT_FORMAT
    from suite.report.page.run_data import collect_run_data

    store, run = _store(folder)
    whole = short_history()
    odd: tuple[Any, ...] = tuple(v for v in ODD_VALUES if not isinstance(v, dict | list) and v != "\ud800")

    def parquet(columns: dict[str, list[Any]]) -> bytes:
        buffer = io.BytesIO()
        with suppress(Exception):  # not every mixture is one that a file holds
            pd.DataFrame({name: pd.Series(values) for name, values in columns.items()}).to_parquet(buffer, index=False)
        return buffer.getvalue()

    tables = mutated(whole.to_dict(orient="list"), odd).map(
        lambda tree: parquet({k: v if isinstance(v, list) else [v] for k, v in tree.items()})
    )

    def check(content: bytes) -> None:
        (store.run_folder(run) / "history.parquet").write_bytes(content)
        report = Report.load(store)
        for figure in plan_figures(report.df, store, DEFAULT_FORMAT, ["convergence", "best_so_far"]):
            figure.draw()
        collect_run_data(report.records, report.df, store)

    return Fuzz(st.one_of(damaged(parquet(whole.to_dict(orient="list"))), tables), check, few=4)


def predictions(folder: Path) -> Fuzz:
    """`predictions.npz`: other bytes and arrays, in the comparison of two methods."""
    from fuzz_data import changed_npz

    from suite.report.statistics.comparison import IncomparableRunsError, MethodRuns, compare_predictions

    store, run = _store(folder)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, target=np.arange(9) % 3, predicted=np.arange(9) % 2)
    path = store.run_folder(run) / "predictions.npz"
    side = MethodRuns(RECORD.method, None, "accuracy", (0,), (run,), (0.5,), (True,))

    def check(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(IncomparableRunsError):
            compare_predictions(store, side, side)

    return Fuzz(st.one_of(changed_npz(buffer.getvalue()), damaged(buffer.getvalue())), check)


RECORDS: dict[str, Callable[[Path], Fuzz]] = {
    f.__name__: f for f in (record, report, status, deployment, archive, history, predictions)
}
"""Name -> what makes the target in a folder."""
