"""What tables say of budget and board, of extrapolated latencies, and of energy."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic import board, make_record, make_records

from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.tables.contents import build_tables
from suite.report.tables.extrapolation import extrapolation_note
from suite.report.tables.main import format_main_table, main_table
from suite.report.tables.notes import table_notes

NO_STORE = Store(Path("none"), "none")


@pytest.mark.parametrize(
    ("boards", "text"),
    [
        ([board(), board(), board()], "3/3"),
        ([board(), board(arena=70_000), board(flash=140_000)], "1/3"),
        ([board(), board(ram=None, rom=None), {}], "1/1, 2 unknown"),
        ([{}, {}, {}], "unknown"),
    ],
)
def test_what_fits_the_board_is_counted_beside_what_fits_the_budget(boards: list[dict], text: str) -> None:
    table = main_table(report_frame([make_record(seed=s, board=node) for s, node in enumerate(boards)]))
    assert format_main_table(table)[["fits budget", "fits board"]].to_numpy().tolist() == [["3/3", text]]


def test_runs_without_a_budget_do_not_fit_one() -> None:
    table = format_main_table(main_table(report_frame([make_record(budget={}, board=board())])))
    assert table[["fits budget", "fits board"]].to_numpy().tolist() == [["no budget", "1/1"]]


def test_fits_stands_in_no_heading_alone() -> None:
    budgets = [{"weights": f"{share}%"} for share in (25, 50, 75)]
    records = make_records(budgets=budgets, benchmarks=("digits", "keyword_spotting"))
    tables = build_tables(report_frame([*records, make_record(variant={"x": 1})]).assign(chance=0.1), NO_STORE)
    headings = {column for _, readable in tables.values() for column in readable if "fit" in column}
    assert headings == {"fits board", "fits budget", "against fits budget", "of these fit budget"}


def test_extrapolated_costs_are_marked_and_the_note_has_the_reasons() -> None:
    reason = "31,000 MACs, below 0.2 M"
    records = [make_record(seed=0, extrapolated=(reason,)), make_record(seed=1), make_record(method="hand_tuned")]
    raw, readable = build_tables(report_frame(records), NO_STORE)["main"]
    latency = readable.set_index("method")["latency, % of reference (of target)"]
    energy = readable.set_index("method")["energy (power x latency), % of reference"]
    for column in (latency, energy):
        assert [cell.endswith("*") for cell in column[["duccio", "hand_tuned"]]] == [True, False]
    assert not readable["weights, % of reference (of target)"].str.contains("*", regex=False).any()
    assert [note for note in table_notes("main", raw) if "Extrapolated" in note and reason in note]
    assert not [note for note in table_notes("main", raw.assign(extrapolated="")) if "Extrapolated" in note]


def test_extrapolated_reductions_of_latency_are_marked() -> None:
    records = [make_record(method=m, seed=s) for m in ("duccio", "hand_tuned") for s in range(2)]
    marked = [replace(r, extrapolated=("why",)) if r.method == "hand_tuned" else r for r in records]
    raw, readable = build_tables(report_frame(marked), NO_STORE)["noninferiority"]
    assert readable["latency reduced, %"].item().endswith("*")
    assert not readable["weights reduced, %"].item().endswith("*")
    assert any("why" in note for note in table_notes("noninferiority", raw))


def test_energy_is_said_to_be_no_measurement() -> None:
    df = report_frame(make_records())
    notes = table_notes("main", main_table(df))
    assert "Energy is the board's power x latency, not measured." in notes
    without = df.drop(columns=[c for c in df if c.endswith("/energy")])
    assert not any("Energy" in note for note in table_notes("main", main_table(without)))


def test_reasons_that_differ_in_their_number_alone_are_one_with_its_range() -> None:
    reasons = ["9 MACs are fewer than 200", "1,200 MACs are fewer than 200; no pools", "", "no pools"]
    note = extrapolation_note(pd.DataFrame({"extrapolated": reasons}))
    assert note.endswith("fitted on: 9 to 1,200 MACs are fewer than 200; no pools.")
    assert "fitted on: 9 MACs" in extrapolation_note(pd.DataFrame({"extrapolated": reasons[:1]}))
