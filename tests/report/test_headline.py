import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import BUDGETS, REFERENCE_COSTS, make_failure, make_record

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.tables.headline import format_headline_table, headline_table
from suite.report.tables.noninferiority import (
    NOT_SHOWN,
    SHOWN_FOR_NETWORKS,
    SHOWN_FOR_NEW_SEEDS,
    format_noninferiority_table,
    noninferiority_table,
)

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
    record = make_record(method=method, seed=seed, scores=score, costs=costs, **keys)  # type: ignore[arg-type]
    store.write(record, encode_run_files(predictions={"predicted": predicted, "target": TARGET}))
    return record


def headline(df: pd.DataFrame, store: Store) -> pd.DataFrame:
    return headline_table(noninferiority_table(df, store))


def compared(store: Store, *records: RunRecord) -> pd.DataFrame:
    table = noninferiority_table(report_frame(records), store)
    return table.set_index(table["method"].map(str))


def test_a_method_is_shown_where_its_bound_is_above_the_margin(store: Store) -> None:
    records = [run(store, "hand_tuned", 500, seed=s) for s in range(3)]
    for method, wrong in (("equal", 510), ("close", 545), ("worse", 560)):
        records += [run(store, method, wrong + 2 * s, 0.25, s) for s in range(3)]
    table = compared(store, *records)
    assert table["shown"].to_dict() == {"close": NOT_SHOWN, "equal": SHOWN_FOR_NEW_SEEDS, "worse": NOT_SHOWN}
    assert table["why"].to_dict() == {
        "close": "the bound is beyond the margin",
        "equal": "",
        "worse": "the difference is beyond the margin",
    }
    assert table.loc["equal", "difference"] == pytest.approx(-12 / EXAMPLES)
    assert -0.01 < table.loc["equal", "low_seeds"] < table.loc["equal", "low"] < table.loc["equal", "difference"]
    assert (table["reduction_percent/weights"] == 75).all()
    assert (table["pairs"] == 3).all()


def test_spread_of_seeds_leaves_a_statement_on_these_networks(store: Store) -> None:
    records = [run(store, "hand_tuned", 500, seed=s) for s in range(3)]
    records += [run(store, "duccio", wrong, 0.5, s) for s, wrong in enumerate((450, 500, 550))]
    assert compared(store, *records)["shown"].to_dict() == {"duccio": SHOWN_FOR_NETWORKS}


def test_a_single_pair_says_nothing_of_new_seeds(store: Store) -> None:
    row = compared(store, run(store, "hand_tuned", 500), run(store, "duccio", 500, 0.5)).loc["duccio"]
    assert row["shown"] == SHOWN_FOR_NETWORKS
    assert math.isnan(row["low_seeds"])


def test_wider_margin_shows_more(store: Store) -> None:
    df = report_frame([run(store, "hand_tuned", 500), run(store, "duccio", 545, 0.5)])
    shown = [noninferiority_table(df, store, margin)["shown"].item() for margin in (0.01, 0.02)]
    assert shown == [NOT_SHOWN, SHOWN_FOR_NETWORKS]


def test_records_without_predictions_are_not_shown_and_say_why(store: Store) -> None:
    row = compared(store, make_record(method="hand_tuned", scores={"test": 0.8}), make_record(scores={"test": 0.9}))
    assert row[["shown", "why"]].to_numpy().tolist() == [[NOT_SHOWN, "a record keeps no predictions that can be read"]]


def test_the_reference_network_is_taken_from_the_same_budget_else_from_any(store: Store) -> None:
    records = [run(store, "hand_tuned", wrong, budget=b) for wrong, b in zip((500, 400), BUDGETS, strict=True)]
    other = {"weights": "75%"}
    records += [run(store, "duccio", 500, 0.5, budget=b) for b in (*BUDGETS, other)]
    table = noninferiority_table(report_frame(records), store).set_index("budget")["difference"]
    assert table[records[0].budget] == 0
    assert table[records[1].budget] == table["weights 75%"] == pytest.approx(-100 / EXAMPLES)


def test_settings_are_never_mixed(store: Store) -> None:
    records = [run(store, "hand_tuned", 500), run(store, "duccio", 500, 0.5, preset="short")]
    assert compared(store, *records).empty
    assert headline(report_frame([*records, make_failure()]), store).empty


def test_headline_is_the_largest_reduction_that_is_shown(store: Store) -> None:
    df = report_frame(
        [
            run(store, "hand_tuned", 500),
            run(store, "duccio", 500, 0.5),
            run(store, "duccio", 500, 0.4, budget=BUDGETS[1]),
            run(store, "nsga2", 900, 0.1),
            run(store, "random", 600, 0.2),
        ]
    )
    table = headline(df, store).set_index("metric")
    assert list(table.index) == ["weights", "flash", "ram", "latency"]
    row = table.loc["latency"]
    assert (str(row["method"]), row["reduction_percent"], row["tested"]) == ("duccio", 60.0, 4)
    assert row["budget"] == "weights 50% + ram 50%"
    assert (str(row["unproved_method"]), row["unproved_reduction_percent"]) == ("nsga2", 90.0)


def test_headline_says_so_where_nothing_is_shown(store: Store) -> None:
    df = report_frame([run(store, "hand_tuned", 500), run(store, "duccio", 900, 0.25)])
    readable = format_headline_table(headline(df, store))
    assert set(readable["largest reduction shown, %"]) == {"\u2013"}
    assert set(readable["non-inferior"]) == {"not shown"}
    assert readable["larger, but not shown"].iloc[0] == (
        "75.0 % (duccio, weights 25% + latency 50%): the difference is beyond the margin"
    )


def test_a_cost_that_grows_is_no_headline(store: Store) -> None:
    assert headline(report_frame([run(store, "hand_tuned", 500), run(store, "duccio", 500, 1.5)]), store).empty


def test_differences_are_written_in_points(store: Store) -> None:
    df = report_frame([run(store, "hand_tuned", 500), run(store, "duccio", 510, 0.25)])
    row = format_noninferiority_table(noninferiority_table(df, store)).iloc[0]
    assert (row["difference, points"], row["bound, new seeds"], row["seeds"]) == ("-0.20", "\u2013", "1")
    assert row["latency reduced, %"] == "75.0"


def test_the_reference_network_with_seeds_in_common_is_the_reference(store: Store) -> None:
    seeds = [run(store, "hand_tuned", 100, seed=s, budget={}) for s in (0, 1, 2)]
    ours = [run(store, "duccio", 100, 0.5, seed=s) for s in (0, 1, 2)]
    other = run(store, "hand_tuned", 80, seed=5, budget=BUDGETS[1])
    assert compared(store, *seeds, *ours, other).loc["duccio", "pairs"] == 3
