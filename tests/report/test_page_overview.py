"""The top of the page, its notes, and runs that are not there."""

import dataclasses
import re
from pathlib import Path

from page_text import fill, page_of
from synthetic import BUDGETS, make_record, make_records, write_plan

from suite.records.claims import claimed
from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.page.notes import collect_notes
from suite.report.tables.contents import build_tables
from suite.report.tables.failures import absent_runs_table

RECORDS = make_records(seeds=1, budgets=BUDGETS[:1])


def test_no_note_is_there_twice_however_many_benchmarks_and_tables_there_are() -> None:
    kinds = [(b, m, s) for b in ("digits", "image_classification") for m in ("duccio", "hand_tuned") for s in range(3)]
    records = [make_record(benchmark=b, method=m, seed=s, quality_target=0.85) for b, m, s in kinds]
    page = page_of(records)
    notes = re.findall(r"<li>(.*?)</li>", page[page.index('id="notes"') : page.index('id="settings"')])
    assert len(notes) == len(set(notes)) > 20
    assert sum("Student&#39;s t interval of the mean" in note for note in notes) == 1
    assert page.count("standard trainings of the reference network (MACs x samples)") == 1
    df = report_frame(records)
    groups = collect_notes(df, build_tables(df, Store(Path("none"), "example")), [])
    assert groups[0].html_id == "notes-all"
    assert all(page.count(f'id="{group.html_id}"') == 1 for group in groups)


def test_only_a_named_candidate_has_a_headline() -> None:
    records = [make_record(method=m, seed=s) for m in ("duccio", "hand_tuned") for s in range(3)]
    assert "Refuted" not in page_of(records)
    named = page_of([dataclasses.replace(r, headline={"candidate": "duccio"}) for r in records])
    assert "Refuted" in named[named.index('id="notes"') :]


def test_runs_without_a_usable_record_are_listed_with_the_reason(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_record()])
    for name in ("missing", "torn"):
        write_plan(store, name, method=f"method_{name}")
    (store.run_folder("torn") / "record.json").write_text('{"schema": 1, "id"')
    page = page_of(store.records(), store)
    assert "<dt>Finished runs</dt><dd>1 of 3</dd>" in page
    part = page[page.index('id="absent"') : page.index('id="notes"')]
    assert "digits | method_missing | weights 25% | seed 0" in part
    assert "torn, or no JSON" in part


def test_a_process_at_a_run_without_record_is_seen(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_record()])
    write_plan(store, "busy")
    with claimed(store.run_folder("busy")):
        assert absent_runs_table(store, {make_record().id})["status"].tolist() == ["running"]


def test_an_experiment_that_is_complete_lists_nothing_as_absent(tmp_path: Path) -> None:
    assert 'id="absent"' not in page_of([make_record()], fill(tmp_path, [make_record()]))
