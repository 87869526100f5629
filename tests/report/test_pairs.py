import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from synthetic import BUDGETS, make_failure, make_record, make_records

from suite.records.record import RunRecord
from suite.report.grouping import MethodVariant, report_frame
from suite.report.statistics.intervals import holm, mean_interval, paired_p, probability_of_improvement
from suite.report.tables.ablation import ablation_table, format_ablation_table
from suite.report.tables.main import main_table
from suite.report.tables.pairs import format_pairs_table, pairs_table

DUCCIO, NSGA2 = MethodVariant("duccio"), MethodVariant("nsga2")
ABS = MethodVariant("duccio", (("penalty.shape", "abs"),))
REFILL = MethodVariant("duccio", (("projection", "refill"),))


def runs(scores: Mapping[MethodVariant, tuple[float, ...]], **keys: object) -> list[RunRecord]:
    """Runs of methods with these scores for seeds 0, 1, ..."""
    return [
        make_record(method=method.method, variant=dict(method.variant), seed=seed, scores={"test": score}, **keys)  # type: ignore[arg-type]
        for method, by_seed in scores.items()
        for seed, score in enumerate(by_seed)
    ]


def pairs(records: list[RunRecord]) -> pd.DataFrame:
    df = report_frame(records)
    return pairs_table(df, main_table(df))


def ablation(records: list[RunRecord]) -> pd.DataFrame:
    df = report_frame(records)
    return ablation_table(df, main_table(df))


def test_methods_are_compared_with_duccio_seed_by_seed() -> None:
    ours, theirs = (0.90, 0.80, 0.85), (0.88, 0.79, 0.86)
    (row,) = pairs(runs({DUCCIO: ours, NSGA2: theirs})).to_dict("records")
    difference = mean_interval(np.subtract(theirs, ours))
    assert (row["method"], row["against"], row["pairs"]) == (NSGA2, DUCCIO, 3)
    assert [row[f"difference{x}"] for x in ("", "_low", "_high")] == [difference.mean, difference.low, difference.high]
    assert row["p"] == row["p_holm"] == paired_p(np.subtract(theirs, ours))
    assert row["improvement"] == probability_of_improvement(theirs, ours)


def test_only_seeds_on_both_sides_are_paired() -> None:
    (row,) = pairs(runs({DUCCIO: (0.9, 0.8), NSGA2: (0.8, 0.8, 0.2)})).to_dict("records")
    assert (row["pairs"], row["difference"]) == (2, pytest.approx(-0.05))


def test_budgets_are_compared_apart_in_the_order_of_the_main_table() -> None:
    records = make_records()
    table, main = pairs(records), main_table(report_frame(records))
    expected = main[(main["runs"] > 0) & (main["method"] != DUCCIO)]
    assert table[["budget", "method"]].to_numpy().tolist() == expected[["budget", "method"]].to_numpy().tolist()
    assert pairs([*runs({DUCCIO: (0.9,)}), *runs({NSGA2: (0.8,)}, budget=BUDGETS[1]), make_failure()]).empty


def test_p_is_corrected_for_the_methods_at_one_budget() -> None:
    ours, theirs = (0.9, 0.8, 0.85, 0.88, 0.83), (0.80, 0.71, 0.74, 0.77, 0.73)
    scores = {DUCCIO: ours, NSGA2: theirs, MethodVariant("tpe"): (0.88, 0.79, 0.84, 0.89, 0.83)}
    other_budget = runs({DUCCIO: ours, NSGA2: theirs}, budget=BUDGETS[1])
    table = pairs([*runs(scores), *other_budget])
    for budget, own in table.groupby("budget"):
        assert own["p_holm"].to_list() == pytest.approx(holm(own["p"]).tolist()), budget
    assert table["different"].to_list() == (table["p_holm"] < 0.05).to_list()
    assert table["different"].any()
    assert len(table) == 3


@pytest.mark.parametrize(("seeds", "different"), [(4, False), (5, True)])
def test_fewer_than_five_pairs_are_never_called_different(seeds: int, different: bool) -> None:
    ours, theirs = (0.90, 0.80, 0.85, 0.88, 0.83), (0.80, 0.71, 0.74, 0.79, 0.73)
    table = pairs(runs({DUCCIO: ours[:seeds], NSGA2: theirs[:seeds]}))
    assert table["p_holm"].item() < 0.01
    assert table["different"].item() is different
    assert ("different" in format_pairs_table(table)["p, Holm"].item()) is different


def test_runs_of_the_pairs_that_fit_stand_beside_the_difference() -> None:
    records = [*runs({DUCCIO: (0.9, 0.8, 0.85)}, feasible=True), *runs({NSGA2: (0.8, 0.7)}, feasible=False)]
    table = pairs(records)
    assert table[["fits", "against_fits"]].to_numpy().tolist() == [["0/2", "2/2"]]
    assert format_pairs_table(table)[["fits budget", "against fits budget"]].to_numpy().tolist() == [["0/2", "2/2"]]


def compared_with(*methods: MethodVariant) -> dict[str, str]:
    """Label of each method in the table -> that of the method that it is compared with."""
    table = pairs(runs(dict.fromkeys(methods, (0.9, 0.8))))
    return dict(zip(table["method"].map(str), table["against"].map(str), strict=True))


PROJECTED, HAND_TUNED = MethodVariant("duccio_projected"), MethodVariant("hand_tuned")
FILLED = MethodVariant("width_scaling", (("projection", "refill"),))
NONE, REPAIRED = (MethodVariant("width_scaling", (("projection", p),)) for p in ("none", "repair"))


def test_methods_are_compared_with_duccio_of_the_same_projection() -> None:
    assert compared_with(PROJECTED, DUCCIO, REFILL, ABS, FILLED, NONE, REPAIRED, HAND_TUNED) == {
        "duccio": "duccio_projected",
        "hand_tuned": "duccio_projected",
        "width_scaling (projection=none)": "duccio",
        "width_scaling (projection=refill)": "duccio_projected",
        "width_scaling (projection=repair)": "duccio_projected",
    }


def test_the_variant_with_refill_stands_in_for_the_projected_method() -> None:
    assert compared_with(DUCCIO, REFILL, FILLED, NONE, HAND_TUNED) == {
        "hand_tuned": "duccio (projection=refill)",
        "width_scaling (projection=none)": "duccio",
        "width_scaling (projection=refill)": "duccio (projection=refill)",
    }


def test_where_no_duccio_of_the_same_projection_ran_another_is_compared_with() -> None:
    assert compared_with(PROJECTED, NONE) == {"width_scaling (projection=none)": "duccio_projected"}
    assert compared_with(DUCCIO, ABS, FILLED) == {"width_scaling (projection=refill)": "duccio"}
    both = MethodVariant("duccio", (("penalty.shape", "abs"), ("projection", "refill")))
    assert compared_with(DUCCIO, both, FILLED) == {"width_scaling (projection=refill)": "duccio"}
    assert compared_with(FILLED, NONE) == {}


def test_variants_are_compared_with_their_default() -> None:
    records = runs({DUCCIO: (0.90, 0.80), ABS: (0.88, 0.79), NSGA2: (0.9, 0.9)})
    records += runs({REFILL: (0.95, 0.90)}, feasible=False)
    table = ablation(records)
    assert list(table["method"]) == [DUCCIO, ABS, REFILL]
    assert set(table["against"]) == {DUCCIO}
    assert math.isnan(table["difference"].iloc[0])
    assert table["difference"].to_list()[1:] == pytest.approx([-0.015, 0.075])
    assert list(table["fits"]) == ["2/2", "2/2", "0/2"]


def test_variants_without_their_default_are_compared_with_the_one_that_differs_least() -> None:
    choices = MethodVariant("duccio", (("space", "choices"),))
    softmax = MethodVariant("duccio", (("choices.sampling", "softmax"), ("space", "choices")))
    table = ablation(runs({softmax: (0.5, 0.6), choices: (0.4, 0.4)}))
    assert table[["method", "against"]].to_numpy().tolist() == [[choices, choices], [softmax, choices]]


def test_methods_with_one_variant_are_no_ablation() -> None:
    assert ablation(make_records()).empty


def test_variants_of_duccio_are_not_among_the_methods_that_are_compared_with_it() -> None:
    assert pairs(runs({DUCCIO: (0.90, 0.80), ABS: (0.88, 0.79)})).empty


def test_readable_tables_write_differences_in_points() -> None:
    records = runs({DUCCIO: (0.90, 0.80, 0.85), ABS: (0.89, 0.78, 0.85), NSGA2: (0.7, 0.7, 0.7)})
    df = report_frame(records)
    main = main_table(df)
    variant = format_ablation_table(ablation_table(df, main)).iloc[1]
    assert variant["difference, points [95%]"] == "-1.00 [-3.48, +1.48]"
    other = format_pairs_table(pairs_table(df, main)).iloc[0]
    assert (other["float scores"], other["chance to be better"]) == ("0.700, 0.850", "0.00")
    assert other["p, Holm"] == "0.035"
