import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import BUDGETS, make_failure, make_record, make_records

from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.statistics.comparison import mcnemar
from suite.report.statistics.intervals import mean_interval, probability_of_improvement
from suite.report.tables.ablation import ablation_table, format_ablation_table
from suite.report.tables.main import main_table
from suite.report.tables.pairs import format_pairs_table, pairs_table

NO_STORE = Store(Path("none"), "none")


def runs(scores: Mapping[str, tuple[float, ...]], **keys: object) -> list[RunRecord]:
    """Runs of methods with these scores for seeds 0, 1, ..."""
    return [
        make_record(method=method, seed=seed, scores={"test": score}, **keys)  # type: ignore[arg-type]
        for method, by_seed in scores.items()
        for seed, score in enumerate(by_seed)
    ]


def pairs(records: list[RunRecord], store: Store = NO_STORE) -> pd.DataFrame:
    df = frame(records)
    return pairs_table(df, main_table(df), store)


def ablation(records: list[RunRecord]) -> pd.DataFrame:
    df = frame(records)
    return ablation_table(df, main_table(df))


def test_methods_are_compared_with_duccio_seed_by_seed() -> None:
    ours, theirs = (0.90, 0.80, 0.85), (0.88, 0.79, 0.86)
    (row,) = pairs(runs({"duccio": ours, "nsga2": theirs})).to_dict("records")
    difference, chance = mean_interval(np.subtract(theirs, ours)), probability_of_improvement(theirs, ours)
    assert (row["method"], row["against"], row["pairs"]) == ("nsga2", "duccio", 3)
    assert [row[f"difference{x}"] for x in ("", "_low", "_high")] == [difference.mean, difference.low, difference.high]
    assert [row[f"improvement{x}"] for x in ("", "_low", "_high")] == [chance.mean, chance.low, chance.high]


def test_only_seeds_on_both_sides_are_paired() -> None:
    (row,) = pairs(runs({"duccio": (0.9, 0.8), "nsga2": (0.8, 0.8, 0.2)})).to_dict("records")
    assert (row["pairs"], row["difference"]) == (2, pytest.approx(-0.05))


def test_budgets_are_compared_apart_in_the_order_of_the_main_table() -> None:
    records = make_records()
    table, main = pairs(records), main_table(frame(records))
    expected = main[(main["runs"] > 0) & (main["method"] != "duccio")]
    assert table[["budget", "method"]].to_numpy().tolist() == expected[["budget", "method"]].to_numpy().tolist()
    assert pairs([*runs({"duccio": (0.9,)}), *runs({"nsga2": (0.8,)}, budget=BUDGETS[1]), make_failure()]).empty


def test_two_single_runs_are_compared_by_mcnemar(tmp_path: Path) -> None:
    store, target = Store(tmp_path, "example"), np.arange(100, dtype=np.int16) % 10
    right = {"duccio": np.arange(100) >= 10, "nsga2": np.arange(100) < 80}
    records = []
    for method, correct in right.items():
        records.append(make_record(method=method, scores={"test": float(correct.mean())}))
        store.write(records[-1], predictions={"predicted": np.where(correct, target, -1), "target": target})
    table = pairs(records, store)
    assert table["mcnemar_p"].item() == mcnemar(right["duccio"], right["nsga2"])
    assert format_pairs_table(table)["McNemar p"].item() == "0.099"
    assert "McNemar p" not in format_pairs_table(pairs(make_records()))


def test_one_shared_seed_of_several_is_no_mcnemar(tmp_path: Path) -> None:
    store, target = Store(tmp_path, "example"), np.arange(100, dtype=np.int16) % 10
    records = [
        make_record(method=m, seed=s, scores={"test": 1.0}) for m, s in (("duccio", 0), ("nsga2", 0), ("nsga2", 1))
    ]
    for record in records:
        store.write(record, predictions={"predicted": target, "target": target})
    table = pairs(records, store)
    assert table["pairs"].item() == 1
    assert math.isnan(table["mcnemar_p"].item())


def test_arms_are_compared_with_their_plain_method() -> None:
    records = runs({"duccio": (0.90, 0.80), "duccio (abs)": (0.88, 0.79), "nsga2": (0.9, 0.9)})
    records += runs({"duccio (guarantee off)": (0.95, 0.90)}, feasible=False)
    table = ablation(records)
    assert list(table["method"]) == ["duccio", "duccio (abs)", "duccio (guarantee off)"]
    assert set(table["against"]) == {"duccio"}
    assert math.isnan(table["difference"].iloc[0])
    assert table["difference"].to_list()[1:] == pytest.approx([-0.015, 0.075])
    assert list(table["fits"]) == ["2/2", "2/2", "0/2"]


def test_arms_without_their_plain_method_are_compared_with_the_shortest() -> None:
    table = ablation(runs({"duccio (softmax, choices)": (0.5, 0.6), "duccio (choices)": (0.4, 0.4)}))
    assert table[["method", "against"]].to_numpy().tolist() == [
        ["duccio (choices)", "duccio (choices)"],
        ["duccio (softmax, choices)", "duccio (choices)"],
    ]


def test_methods_with_one_arm_are_no_ablation() -> None:
    assert ablation(make_records()).empty


def test_arms_are_no_methods_to_compare_with_the_reference() -> None:
    assert pairs(runs({"duccio": (0.90, 0.80), "duccio (abs)": (0.88, 0.79)})).empty


def test_readable_tables_write_differences_in_points() -> None:
    records = runs({"duccio": (0.90, 0.80, 0.85), "duccio (abs)": (0.89, 0.78, 0.85), "nsga2": (0.7, 0.7, 0.7)})
    df = frame(records)
    main = main_table(df)
    arm = format_ablation_table(ablation_table(df, main)).iloc[1]
    assert arm["difference, points [95%]"] == "-1.00 [-2.00, +0.00]"
    other = format_pairs_table(pairs_table(df, main, NO_STORE)).iloc[0]
    assert (other["scores"], other["chance to be better [95%]"]) == ("0.700, 0.850", "0.00")
