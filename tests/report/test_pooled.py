"""Methods against each other over all budgets, on cases small enough to work out by hand."""

import math

import pandas as pd
import pytest
from synthetic import make_failure, make_record, make_records

from suite.records.record import RunRecord
from suite.report.grouping import MethodVariant, report_frame
from suite.report.statistics.intervals import mean_interval, paired_p
from suite.report.tables.pooled import format_pooled_table, pooled_table

NARROW, WIDE = {"weights": "25%"}, {"weights": "50%"}


def run(method: str, budget: dict[str, str], seed: int, score: float, *, feasible: bool = True) -> RunRecord:
    scores = {"test": score, "validation": score}
    return make_record(method=method, budget=budget, seed=seed, scores=scores, feasible=feasible)


@pytest.fixture
def table() -> pd.DataFrame:
    duccio = [run("duccio", NARROW, 0, 0.80), run("duccio", NARROW, 1, 0.84), run("duccio", WIDE, 0, 0.90)]
    nsga2 = [run("nsga2", NARROW, 0, 0.77), run("nsga2", WIDE, 0, 0.91, feasible=False), run("nsga2", WIDE, 1, 0.2)]
    return pooled_table(report_frame([*duccio, *nsga2, run("random", NARROW, 0, 0.5), make_failure(method="tpe")]))


def test_budgets_and_seeds_that_both_ran_are_the_pairs(table: pd.DataFrame) -> None:
    (row,) = table.to_dict("records")
    assert (row["method"], row["against"], row["budgets"], row["pairs"]) == (
        MethodVariant("duccio"),
        MethodVariant("nsga2"),
        2,
        2,
    )
    assert row["difference"] == pytest.approx((0.03 - 0.01) / 2)
    assert (row["clusters"], row["left_out"]) == (1, 1)
    assert math.isnan(row["difference_low"])
    assert (row["fits"], row["against_fits"]) == ("2/2", "1/2")


def test_runs_of_a_seed_are_averaged_over_budgets_first() -> None:
    ours = {(NARROW["weights"], 0): 0.80, (NARROW["weights"], 1): 0.82, (WIDE["weights"], 0): 0.90}
    ours |= {(WIDE["weights"], 1): 0.94}
    records = [run("duccio", {"weights": budget}, seed, score) for (budget, seed), score in ours.items()]
    records += [run("nsga2", {"weights": budget}, seed, 0.79) for budget, seed in ours]
    (row,) = pooled_table(report_frame(records)).to_dict("records")
    by_seed = [(0.01 + 0.11) / 2, (0.03 + 0.15) / 2]
    expected = mean_interval(by_seed)
    assert (row["pairs"], row["clusters"]) == (4, 2)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((expected.low, expected.high))
    assert row["p"] == pytest.approx(paired_p(by_seed))


def test_a_seed_that_misses_a_shared_budget_is_left_out_and_does_not_decide_who_is_better() -> None:
    records = [run("duccio", budget, seed, 0.80 + seed / 100) for budget in (NARROW, WIDE) for seed in (0, 1)]
    records += [run("nsga2", budget, seed, 0.85 + seed / 100) for budget in (NARROW, WIDE) for seed in (0, 1)]
    records += [run("duccio", NARROW, 2, 0.99), run("nsga2", NARROW, 2, 0.10), run("duccio", WIDE, 3, 0.99)]
    (row,) = pooled_table(report_frame(records)).to_dict("records")
    assert (str(row["method"]), row["difference"]) == ("nsga2", pytest.approx(0.05))
    assert (row["pairs"], row["clusters"], row["left_out"]) == (4, 2, 2)
    assert row["fits"] == row["against_fits"] == "4/4"
    assert format_pooled_table(pooled_table(report_frame(records)))["seeds left out"].item() == "2"


def test_without_a_seed_that_ran_everywhere_nothing_is_compared() -> None:
    records = [run(m, budget, seed, 0.8) for m in ("duccio", "nsga2") for budget, seed in ((NARROW, 0), (WIDE, 1))]
    assert pooled_table(report_frame(records)).empty


def test_text_is_in_points(table: pd.DataFrame) -> None:
    (row,) = format_pooled_table(table).to_dict("records")
    assert row["difference, points [95%]"] == "+1.00"


def test_one_budget_is_nothing_to_pool() -> None:
    assert pooled_table(report_frame(make_records(budgets=[NARROW]))).empty


def test_each_pair_of_methods_once_and_apart_by_benchmark() -> None:
    table = pooled_table(report_frame(make_records(budgets=[NARROW, WIDE], benchmarks=("digits", "keyword_spotting"))))
    pairs = [frozenset(row) for row in table[["benchmark", "method", "against"]].to_numpy().tolist()]
    methods = set(table["method"]) | set(table["against"])
    assert len(set(pairs)) == len(pairs) == 2 * len(methods) * (len(methods) - 1) / 2
    assert (table["pairs"] == 6).all()
