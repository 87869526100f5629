import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import BUDGETS, REFERENCE_COSTS, make_failure, make_record

from suite.data.files import write_atomic
from suite.records.plan_note import PlanNote
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.statistics.intervals import holm
from suite.report.statistics.noninferiority import PairedDifference
from suite.report.tables.headline import format_headline_table, headline_table, unrecorded_plans
from suite.report.tables.main import main_table
from suite.report.tables.noninferiority import format_noninferiority_table, noninferiority_table
from suite.report.tables.text import format_points

EXAMPLES = 5000
TARGET = (np.arange(EXAMPLES) % 10).astype(np.int16)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, "example")


def run(store: Store, method: str, wrong: int, share: float = 1.0, seed: int = 0, **keys: object) -> RunRecord:
    """A stored run that is wrong on its first `wrong` test examples and costs `share` of the reference network."""
    predicted = np.where(np.arange(EXAMPLES) < wrong, (TARGET + 1) % 10, TARGET).astype(np.int16)
    costs = {metric: cost * share for metric, cost in REFERENCE_COSTS.items()}
    score = {"test": float((predicted == TARGET).mean())}
    record = make_record(method=method, seed=seed, scores=score, costs=costs, feasible=True, **keys)  # type: ignore[arg-type]
    store.write(record, encode_run_files(predictions={"predicted": predicted, "target": TARGET}))
    return record


def against_reference(records: Sequence[RunRecord], store: Store) -> pd.DataFrame:
    df = report_frame(records)
    return noninferiority_table(df, main_table(df), store)


def headline(records: list[RunRecord], store: Store) -> pd.DataFrame:
    df = report_frame(records)
    return headline_table(df, against_reference(records, store), unrecorded_plans(store, df["id"]))


def compared(store: Store, *records: RunRecord) -> pd.DataFrame:
    table = against_reference(records, store)
    return table.set_index(table["method"].map(str))


def seeds_of(store: Store, method: str, wrongs: Sequence[int], share: float = 1.0, **keys: object) -> list[RunRecord]:
    """A run for each seed, wrong on so many of its test examples."""
    return [run(store, method, wrong, share, seed, **keys) for seed, wrong in enumerate(wrongs)]


def named(records: Sequence[RunRecord], candidate: str, budget: str | None = None) -> list[RunRecord]:
    """The records of an experiment whose headline is about this candidate."""
    headline = {"candidate": candidate} | ({} if budget is None else {"budget": budget})
    return [dataclasses.replace(record, headline=headline) for record in records]


REFERENCE = (500, 502, 498, 501, 499)
EQUAL = (505, 500, 503, 507, 502)
WORSE = (600, 605, 601, 598, 604)
UNCLEAR = (450, 590, 500, 610, 480)


def test_bounds_and_p_are_those_of_the_paired_difference(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", EQUAL, 0.25)]
    row = compared(store, *records).loc["duccio"]
    test = PairedDifference(*row[["difference", "seed_error", "example_error", "pairs", "examples"]])
    assert row["difference"] == pytest.approx(-(np.mean(EQUAL) - np.mean(REFERENCE)) / EXAMPLES)
    assert (row["low"], row["high"]) == (row["difference"] - test.half_width(), row["difference"] + test.half_width())
    assert row["p"] == row["p_holm"] == test.p_above()
    assert (row["pairs"], row["fits"], row["reduction_percent/weights"]) == (5, "5/5", 75)


def test_p_is_corrected_for_all_rows_of_a_setting(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", EQUAL)]
    records += [*seeds_of(store, "nsga2", UNCLEAR), *seeds_of(store, "tpe", WORSE)]
    table = compared(store, *records)
    assert table["p_holm"].to_list() == pytest.approx(holm(table["p"]).tolist())
    assert table.loc["duccio", "p_holm"] == pytest.approx(3 * table.loc["duccio", "p"])


def test_a_single_pair_has_no_bounds(store: Store) -> None:
    row = compared(store, run(store, "hand_tuned", 500), run(store, "duccio", 500, 0.5)).loc["duccio"]
    assert row["why"] == "there is a single seed"
    assert math.isnan(row["low"])


def test_records_without_predictions_have_no_bounds_and_say_why(store: Store) -> None:
    records = [make_record(method=m, seed=s, scores={"test": 0.9}) for m in ("hand_tuned", "duccio") for s in range(5)]
    assert compared(store, *records).loc["duccio", "why"] == "a record keeps no predictions that can be read"
    fits = [dataclasses.replace(record, feasible=True) for record in records]
    (row,) = headline(named(fits, "duccio"), store).to_dict("records")
    assert (row["verdict"], row["why"]) == ("undecided", "a record keeps no predictions that can be read")


def test_the_reference_network_is_taken_from_the_same_budget_else_from_any(store: Store) -> None:
    records = [run(store, "hand_tuned", wrong, budget=b) for wrong, b in zip((500, 400), BUDGETS, strict=True)]
    other = {"weights": "75%"}
    records += [run(store, "duccio", 500, 0.5, budget=b) for b in (*BUDGETS, other)]
    table = against_reference(records, store).set_index("budget")["difference"]
    assert table[records[0].budget] == 0
    assert table[records[1].budget] == table["weights 75%"] == pytest.approx(-100 / EXAMPLES)


def test_settings_are_never_mixed(store: Store) -> None:
    records = [run(store, "hand_tuned", 500), run(store, "duccio", 500, 0.5, preset="short")]
    assert compared(store, *records).empty
    assert headline([*records, make_failure()], store).empty


def test_the_reference_network_with_seeds_in_common_is_the_reference(store: Store) -> None:
    seeds = [run(store, "hand_tuned", 100, seed=s, budget={}) for s in (0, 1, 2)]
    ours = [run(store, "duccio", 100, 0.5, seed=s) for s in (0, 1, 2)]
    other = run(store, "hand_tuned", 80, seed=5, budget=BUDGETS[1])
    assert compared(store, *seeds, *ours, other).loc["duccio", "pairs"] == 3


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        (EQUAL, "shown"),
        (WORSE, "refuted"),
        (UNCLEAR, "undecided"),
        (EQUAL[:3], "tabled, 3 seeds"),
        (WORSE[:4], "tabled, 4 seeds"),
    ],
)
def test_verdict_on_the_named_candidate(store: Store, wrong: Sequence[int], verdict: str) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio_projected", wrong, 0.25)]
    records += seeds_of(store, "nsga2", EQUAL, 0.1)
    (row,) = headline(named(records, "duccio_projected"), store).to_dict("records")
    assert (row["method"], row["verdict"], row["compared"]) == ("duccio_projected", verdict, 1)
    assert row["half_width"] == pytest.approx(row["difference"] - row["low"])
    assert [row[f"reduction_percent/{m}"] for m in ("weights", "flash", "macs", "ram", "latency")] == [75] * 5


def test_a_candidate_that_misses_its_budget_once_is_not_shown(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", EQUAL, 0.25)]
    records[-1] = dataclasses.replace(records[-1], feasible=False)
    (row,) = headline(named(records, "duccio"), store).to_dict("records")
    assert row["verdict"] == "does not fit: 4/5"


def test_a_candidate_counts_only_where_every_run_of_it_names_it(store: Store) -> None:
    reference = seeds_of(store, "hand_tuned", REFERENCE)
    ours = seeds_of(store, "duccio", EQUAL, 0.25)
    (row,) = headline([*reference, *ours[:4], *named(ours[4:], "duccio")], store).to_dict("records")
    assert row["verdict"] == "named after the fact: 4 of 5 runs"
    (row,) = headline([*reference, *named(ours, "duccio")], store).to_dict("records")
    assert row["verdict"] == "shown"
    other = named(ours[4:], "duccio", BUDGETS[1]["weights"])
    table = headline([*reference, *named(ours[:4], "duccio"), *other], store)
    assert table["verdict"].to_list() == ["named after the fact: 1 of 5 runs", "not yet run"]


def plan(store: Store, run_id: str, of: RunRecord) -> None:
    """The note of a run that is planned like this one and has not ended."""
    write_atomic(store.run_folder(run_id) / "plan.json", PlanNote.of(of).to_json())


def test_a_candidate_with_missing_or_failed_runs_is_incomplete(store: Store) -> None:
    refill = {"projection": "refill"}
    records = seeds_of(store, "hand_tuned", REFERENCE)
    records += seeds_of(store, "duccio", EQUAL, 0.25, variant=refill)
    failed = make_failure(seed=5, variant=refill)
    plan(store, "planned", records[-1])
    plan(store, "of_another_method", make_record())
    (row,) = headline(named([*records, failed], "duccio (projection=refill)"), store).to_dict("records")
    assert row["verdict"] == "incomplete: 5 of 7 runs"


def test_a_reference_network_with_missing_or_failed_runs_is_incomplete(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", EQUAL, 0.25)]
    plan(store, "planned", records[0])
    elsewhere = make_failure(method="hand_tuned", budget=BUDGETS[1])
    (row,) = headline(named([*records, elsewhere], "duccio"), store).to_dict("records")
    assert row["verdict"] == "reference incomplete: 5 of 6 runs"


@pytest.mark.parametrize("wrongs", [(UNCLEAR, EQUAL), (WORSE, EQUAL), (EQUAL, EQUAL), (WORSE, UNCLEAR)])
def test_bounds_and_verdicts_of_several_candidates_agree(store: Store, wrongs: Sequence[Sequence[int]]) -> None:
    records = seeds_of(store, "hand_tuned", REFERENCE)
    for budget, wrong in zip(BUDGETS, wrongs, strict=True):
        records += seeds_of(store, "duccio", wrong, 0.25, budget=budget)
    table = headline(named(records, "duccio"), store)
    tests = against_reference(records, store)
    shown, refuted = holm(tests["p"]) < 0.05, holm(1 - tests["p"]) < 0.05
    assert (table["verdict"] == "shown").to_list() == (table["low"] > -0.01).to_list() == shown.tolist()
    assert (table["verdict"] == "refuted").to_list() == (table["high"] < -0.01).to_list() == refuted.tolist()
    text = format_headline_table(table)
    assert text["upper bound"].to_list() == list(map(format_points, table["high"]))


def test_a_candidate_whose_seeds_all_agree_has_no_bound_and_says_why(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", [500] * 5), *seeds_of(store, "duccio", [450] * 5, 0.25)]
    table = headline(named(records, "duccio"), store)
    (row,) = table.to_dict("records")
    assert row["verdict"] == "undecided"
    assert all(math.isnan(row[name]) for name in ("low", "high", "power"))
    assert "all seeds agree" in format_headline_table(table)["no bound because"].item()


def test_several_candidates_are_corrected_for_their_number(store: Store) -> None:
    records = seeds_of(store, "hand_tuned", REFERENCE)
    for budget in BUDGETS:
        records += seeds_of(store, "duccio", UNCLEAR, 0.25, budget=budget)
    table, alone = (headline(named(records, "duccio", b), store) for b in (None, records[-1].budget))
    assert (table["compared"] == 2).all()
    assert (len(table), len(alone)) == (2, 1)
    row, single = (t[t["budget"] == records[-1].budget].iloc[0] for t in (table, alone))
    assert row["half_width"] > single["half_width"]
    assert row["power"] < single["power"]


def test_power_is_printed_in_percent(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", UNCLEAR, 0.25)]
    table = headline(named(records, "duccio"), store)
    text = format_headline_table(table).iloc[0]
    assert text["power, %"] == f"{100 * table['power'].item():.1f}"
    assert text["half-width"] == f"{100 * table['half_width'].item():.2f}"


def test_a_candidate_that_did_not_run_says_so(store: Store) -> None:
    records = named([*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "tpe", EQUAL)], "duccio")
    (row,) = format_headline_table(headline(records, store)).to_dict("records")
    assert (row["method"], row["verdict"]) == ("duccio", "not yet run")
    assert row["no bound because"] == "no run of it has finished, or none of the reference network"


def test_without_a_candidate_there_is_no_headline(store: Store) -> None:
    records = [*seeds_of(store, "hand_tuned", REFERENCE), *seeds_of(store, "duccio", EQUAL, 0.5)]
    assert headline(records, store).empty
    assert len(headline(named(records, "duccio"), store)) == 1


def test_differences_are_written_in_points(store: Store) -> None:
    records = [run(store, "hand_tuned", 500), run(store, "duccio", 510, 0.25)]
    row = format_noninferiority_table(against_reference(records, store)).iloc[0]
    assert (row["difference, points"], row["lower bound"], row["seeds"]) == ("-0.20", "\u2013", "1")
    assert row["latency reduced, %"] == "75.0"
