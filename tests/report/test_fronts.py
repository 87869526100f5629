import math

import numpy as np
import pandas as pd
import pytest
from synthetic import make_record

from suite.records.record import RunRecord
from suite.report.grouping import report_frame
from suite.report.tables.hypervolume import (
    HYPERVOLUME_COLUMNS,
    format_hypervolume_table,
    hypervolume,
    hypervolume_table,
)


def test_hypervolume_of_one_point_is_a_box() -> None:
    assert hypervolume([[0.9, 0.25, 0.5]], chance=0.1) == pytest.approx(0.8 * 0.75 * 0.5)


def test_hypervolume_of_two_points_counts_their_overlap_once() -> None:
    boxes = 0.8 * 0.2 + 0.6 * 0.7 - 0.6 * 0.2
    assert hypervolume([[0.9, 0.8], [0.7, 0.3]], chance=0.1) == pytest.approx(boxes)


def test_hypervolume_is_that_of_moocores_documented_example() -> None:
    # moocore.hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], ref=[10, 10]) is 38; a score is 1 - the first / 10.
    points = np.array([[5, 5], [4, 6], [2, 7], [7, 4]]) / 10
    assert hypervolume(np.column_stack([1 - points[:, 0], points[:, 1]]), chance=0.0) == pytest.approx(0.38)


def test_hypervolume_agrees_with_random_points_of_the_box() -> None:
    rng = np.random.default_rng(0)
    points, chance = rng.uniform([0.2, 0.1, 0.1], [0.9, 0.9, 0.9], (6, 3)), 0.1
    drawn = rng.uniform([chance, 0, 0], [1, 1, 1], (100_000, 3))
    dominated = ((points[:, None, 0] >= drawn[:, 0]) & (points[:, None, 1:] <= drawn[:, 1:]).all(axis=2)).any(axis=0)
    assert hypervolume(points, chance) == pytest.approx((1 - chance) * dominated.mean(), abs=0.005)


@pytest.mark.parametrize("beyond", [[0.05, 0.5], [0.9, 1.0], [0.9, 1.5], [math.nan, 0.5], [0.9, math.nan]])
def test_points_beyond_the_reference_count_as_nothing(beyond: list[float]) -> None:
    assert hypervolume([beyond], chance=0.1) == 0
    assert hypervolume([beyond, [0.6, 0.5]], chance=0.1) == pytest.approx(0.25)


def test_no_points_have_no_volume() -> None:
    assert hypervolume([], chance=0.1) == 0


def run(weights: str, seed: int = 0, latency: str | None = "50%", **changes: object) -> RunRecord:
    budget = {"weights": weights} | ({} if latency is None else {"latency": latency})
    return make_record(budget=budget, seed=seed, **changes)  # type: ignore[arg-type]


def table_of(*records: RunRecord) -> pd.DataFrame:
    return hypervolume_table(report_frame(records).assign(chance=0.1))


def test_a_front_is_the_runs_of_a_method_and_seed_over_budgets_of_the_same_metrics() -> None:
    records = [run(weights, seed) for weights in ("25%", "50%", "75%") for seed in (0, 1)]
    records += [run(weights, latency=None) for weights in ("25%", "50%", "60%")]
    table = table_of(*records)
    assert table[["metrics", "seeds", "runs"]].to_numpy().tolist() == [["weights", 1, 3], ["weights + latency", 2, 3]]
    df = report_frame([r for r in records if r.seed == 1])
    points = df.loc[df["feasible"], ["score", "relative/weights", "relative/latency"]]
    assert table["hypervolume_by_seed"].iloc[1][1] == pytest.approx(hypervolume(points, 0.1), abs=1e-6)
    assert table["hypervolume"].iloc[1] == pytest.approx(np.mean(table["hypervolume_by_seed"].iloc[1]), abs=1e-6)
    both = report_frame([r for r in records if "latency" in r.targets])
    assert table["trainings"].iloc[1] == pytest.approx(both["trainings"].sum() / 2)


def test_runs_that_do_not_fit_count_as_nothing_but_cost_trainings() -> None:
    fit = [run(weights, feasible=True) for weights in ("50%", "60%", "75%")]
    row, alone = table_of(*fit, run("25%", feasible=False)).iloc[0], table_of(*fit).iloc[0]
    assert row["hypervolume"] == alone["hypervolume"] > 0
    assert (row["runs"], row["feasible"]) == (4, 3)
    assert row["trainings"] > alone["trainings"]


def test_a_front_of_two_budgets_is_left_out() -> None:
    assert table_of(run("25%"), run("50%"), run("75%", seed=1)).empty


def test_a_seed_that_misses_a_budget_of_its_method_has_no_front() -> None:
    records = [run(weights, seed) for weights in ("25%", "50%", "60%", "75%") for seed in (0, 1)]
    table = table_of(*records[:-1], *(run(weights, 7, method="nsga2") for weights in ("25%", "50%", "60%")))
    assert table[["method", "seeds", "runs"]].astype(str).to_numpy().tolist() == [
        ["duccio", "1", "4.0"],
        ["nsga2", "1", "3.0"],
    ]


def test_front_without_a_chance_score_is_left_out() -> None:
    table = hypervolume_table(report_frame([run(weights) for weights in ("25%", "50%", "75%")]).assign(chance=math.nan))
    assert table.empty
    assert list(table.columns) == HYPERVOLUME_COLUMNS


def test_readable_hypervolume_is_the_mean_over_seeds() -> None:
    table = table_of(*(run(w, seed, feasible=True) for w in ("25%", "50%", "75%") for seed in range(3)))
    readable = format_hypervolume_table(table)
    assert readable["hypervolume [95%]"].item().startswith(f"{table['hypervolume'].mean():.3f} [")
    assert readable[["seeds", "budgets", "of these fit budget"]].to_numpy().tolist() == [["3", "3", "3"]]
