"""The top of the page: headline numbers, the candidate's verdict, notes; runs that are not there."""

import dataclasses
import math
import re
from pathlib import Path

import pandas as pd
from page_text import fill, page_of, top_of
from synthetic import BUDGETS, make_failure, make_record, make_records, write_plan

from suite.records.claims import claimed
from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.page.notes import collect_notes
from suite.report.page.overview import headline_numbers
from suite.report.tables.absent_runs import absent_runs_table
from suite.report.tables.contents import build_tables

RECORDS = make_records(seeds=1, budgets=BUDGETS[:1])


def test_every_number_of_the_headline_is_at_the_top() -> None:
    page = page_of([make_record(), make_record(method="hand_tuned", feasible=False), make_failure(seed=1)])
    top = top_of(page)
    assert "<strong>2 of 3</strong><small>1 failed</small>" in top
    assert "<strong>1 of 2</strong>" in top


def test_the_verdict_on_a_candidate_is_a_headline_number_and_nothing_else_is() -> None:
    row = {"benchmark": "digits", "preset": "paper", "device": "gap8", "method": "duccio", "budget": "weights 25%"}
    candidate = row | {"verdict": "undecided", "reduction_percent/weights": 76.04, "reduction_percent/ram": math.nan}
    candidate |= {"difference": -0.002, "low": -0.012, "high": 0.008, "half_width": 0.01, "pairs": 5}
    candidate["reduction_percent/latency"] = -3.0
    exploratory = row | {"benchmark": "words", "verdict": "exploratory, not named beforehand"}
    nothing = pd.DataFrame({"status": []})
    found = headline_numbers(report_frame([make_record()]), nothing, pd.DataFrame([candidate, exploratory]))
    assert found[-2].value == "undecided"
    assert found[-2].heading == "duccio, weights 25%: digits, paper, gap8"
    changes, bounds = "weights \u221276.0 %, latency +3.0 %", "bounds -1.20 and +0.80, half-width 1.00"
    assert found[-2].note == f"{changes}; score -0.20 points, 5 seeds; {bounds}"
    assert (found[-1].heading, found[-1].value) == ("Headline: words, paper, gap8", "no candidate named")


def test_a_candidate_without_a_bound_or_a_run_says_why_on_its_card() -> None:
    row = {"benchmark": "digits", "preset": "paper", "device": "gap8", "method": "duccio", "budget": "weights 25%"}
    single = row | {"verdict": "tabled, 1 seed", "difference": 0.01, "pairs": 1, "why": "there is a single seed"}
    absent = row | {"verdict": "not yet run", "why": "no run of it has finished"}
    table = pd.DataFrame([single, absent], columns=[*single, "low", "high", "half_width"])
    found = headline_numbers(report_frame([make_record()]), pd.DataFrame({"status": []}), table)
    assert found[-2].note == "score +1.00 points, 1 seed; no bound: there is a single seed"
    assert (found[-1].value, found[-1].note) == ("not yet run", "no run of it has finished")


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


def test_a_headline_that_nobody_named_claims_nothing() -> None:
    records = [make_record(method=m, seed=s) for m in ("duccio", "hand_tuned") for s in range(3)]
    records = [dataclasses.replace(r, feasible=True, scores={"test": 0.9}) for r in records]
    page = page_of(records)
    part = page[page.index('id="notes"') :]
    assert "the largest reductions are listed, and claim nothing" in part
    assert "Refuted" not in part
    assert "5 % over the number of rows compared" in part
    named = page_of([dataclasses.replace(r, headline={"candidate": "duccio"}) for r in records])
    part = named[named.index('id="notes"') :]
    assert "claim nothing" not in part
    assert "Refuted" in part


def test_runs_without_a_usable_record_are_listed_with_the_reason(tmp_path: Path) -> None:
    store = fill(tmp_path, [make_record()])
    for name in ("missing", "torn"):
        write_plan(store, name, method=f"method_{name}")
    (store.run_folder("torn") / "record.json").write_text('{"schema": 1, "id"')
    page = page_of(store.records(), store)
    assert "<strong>1 of 3</strong><small>1 missing, 1 unreadable</small>" in page
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
