"""Figures of whole groups of runs: hypervolume, attainment, profiles, ranks, sensitivity."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_checks import check_panels, check_texts, render_figures
from scipy.stats import friedmanchisquare
from synthetic import REFERENCE_COSTS, make_record, make_records, with_chance

from suite.records.store import Store
from suite.report.figures import sensitivity
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.ranks import FEWEST_PROBLEMS
from suite.report.grouping import MethodVariant, report_frame
from suite.report.statistics.across_benchmarks import mean_ranks, problem_scores, scaled_scores

A, B, C = map(MethodVariant, "abc")
THREE_BUDGETS = ({"weights": "25%"}, {"weights": "50%"}, {"weights": "75%"})


def test_hypervolume_needs_two_methods_three_budgets_and_a_chance_score() -> None:
    kinds = [
        {plot.name.split("_")[0] for plot in plan_figures(report_frame(records), Store(Path("nowhere"), ""))}
        for records in (
            [with_chance(r) for r in make_records(budgets=THREE_BUDGETS)],
            make_records(budgets=THREE_BUDGETS),
            [with_chance(make_record(budget=budget)) for budget in THREE_BUDGETS],
            [with_chance(r) for r in make_records(budgets=THREE_BUDGETS[:2])],
        )
    ]
    assert ["hypervolume" in names for names in kinds] == [True, False, False, False]


def attained(*runs: tuple[str, str, int, float]) -> Sequence[RenderedFigure]:
    """The attainment figure of (weights, method, seed, score); a score of 0 is that of a run that does not fit."""
    records = [
        with_chance(
            make_record(
                budget={"weights": weights},
                method=method,
                seed=seed,
                scores={"test": score or 0.99},
                costs={"weights": REFERENCE_COSTS["weights"] * float(weights.rstrip("%")) / 100},
                feasible=score > 0,
            )
        )
        for weights, method, seed, score in runs
    ]
    return render_figures(report_frame(records), kind="attainment")


def test_attainment_is_what_most_seeds_reach_at_a_cost_with_a_band_from_all_to_any() -> None:
    duccio = [("25%", "duccio", 0, 0.6), ("25%", "duccio", 1, 0.7), ("25%", "duccio", 2, 0.8)]
    duccio += [("50%", "duccio", 0, 0.9), ("50%", "duccio", 1, 0.5), ("50%", "duccio", 2, 0)]
    (picture,) = attained(*duccio, *(("75%", "duccio", seed, 0) for seed in (0, 1, 2)))
    (ax,) = picture.figure.axes
    corners = np.asarray(ax.lines[0].get_xydata())[1:-1]
    assert corners.tolist() == pytest.approx(np.array([[25, 0.7], [50, 0.8]]))
    edges = ax.collections[0].get_paths()[0].vertices
    assert edges[:, 1].max() == pytest.approx(0.9)
    assert edges[edges[:, 0] == 25][:, 1].min() == pytest.approx(0.6)


def test_attainment_needs_three_targets_of_which_one_is_met() -> None:
    three = ("25%", "50%", "75%")
    assert not attained(*((weights, "duccio", 0, 0.6) for weights in three[:2]))
    assert not attained(*((weights, "duccio", 0, 0) for weights in three))
    assert not attained(*((weights, "duccio", seed, 0.6) for seed, weights in enumerate(three)))
    fits = [(weights, "duccio", 0, 0.6) for weights in three]
    few = [("25%", "nsga2", 0, 0.8), ("50%", "nsga2", 1, 0), ("50%", "nsga2", 2, 0)]
    (picture,) = attained(*fits, *few)
    assert len(picture.figure.axes[0].lines) == 1, "a method at two targets has no surface"


def test_a_seed_that_misses_a_target_of_its_method_is_not_in_its_surface() -> None:
    complete = [(weights, "duccio", 0, 0.6) for weights in ("25%", "50%", "75%")]
    (picture,) = attained(*complete, ("25%", "duccio", 1, 0.9), ("50%", "duccio", 1, 0.9))
    corners = np.asarray(picture.figure.axes[0].lines[0].get_xydata())[1:-1]
    assert corners.tolist() == pytest.approx(np.array([[25, 0.6]]))


def across(benchmarks: int) -> pd.DataFrame:
    """Three methods on several benchmarks at two budgets; `a` is always best, `c` never fits."""
    quality = {A.method: 0.9, B.method: 0.5, C.method: 0.95}
    records = []
    for i in range(benchmarks):
        for budget in ({"weights": "25%"}, {"weights": "50%"}):
            for method, score in quality.items():
                record = make_record(
                    method=method, benchmark=f"b{i}", budget=budget, scores={"test": score}, feasible=method != "c"
                )
                records.append(with_chance(record))
    return report_frame(records)


def test_scaled_scores_are_one_for_the_best_that_fits_and_leave_out_who_never_fits() -> None:
    scaled = scaled_scores(across(2)).groupby("method")["scaled"].agg(["min", "max"])
    assert scaled.loc[A].tolist() == [1, 1]
    assert scaled.loc[B].tolist() == pytest.approx([0.5, 0.5])  # (0.5 - 0.1) / (0.9 - 0.1)
    assert C not in scaled.index


def test_profiles_are_drawn_for_several_benchmarks_only() -> None:
    several, one = (render_figures(across(n), kind="profiles") for n in (2, 1))
    assert len(several) == 1
    assert one == []
    check_texts(several[0])


def test_ranks_are_those_of_demsar_with_friedmans_p() -> None:
    scores = np.random.default_rng(0).random((14, 4))
    found = mean_ranks(scores, [A, B, C, MethodVariant("d")])
    assert found.critical == pytest.approx(1.25, abs=0.005)  # Demsar 2006, section 3.2.4
    assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)
    assert sum(found.means) == pytest.approx(10)
    assert list(found.means) == sorted(found.means)


def test_equal_scores_share_a_rank() -> None:
    found = mean_ranks(np.array([[3.0, 2.0, 2.0], [3.0, 2.0, 2.0]]), [A, B, C])
    assert dict(zip(found.methods, found.means, strict=True)) == {A: 1.0, B: 2.5, C: 2.5}


def test_ranks_are_drawn_from_six_problems_on_and_else_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    enough, few = across(FEWEST_PROBLEMS // 2), across(FEWEST_PROBLEMS // 2 - 1)
    assert problem_scores(enough).shape == (FEWEST_PROBLEMS, 3)
    (picture,) = render_figures(enough, kind="ranks")
    check_texts(picture)
    assert "not independent" in picture.caption
    with caplog.at_level(logging.INFO):
        assert not [p for p in plan_figures(few, Store(Path("nowhere"), "")) if p.name.startswith("ranks")]
    assert f"4 pairs of benchmark and budget are too few, it takes {FEWEST_PROBLEMS}" in caplog.text


def test_a_method_missing_on_one_problem_costs_that_problem_and_not_the_method() -> None:
    df = across(FEWEST_PROBLEMS)
    missing = (df["method"] == B) & (df["benchmark"] == "b0") & (df["budget"] == "weights 25%")
    assert problem_scores(df[~missing]).shape == (2 * FEWEST_PROBLEMS - 1, 3)
    rare = (df["method"] == B) & (df["benchmark"] != "b0")
    assert problem_scores(df[~rare]).shape == (2 * FEWEST_PROBLEMS, 2)


def _variants(folder: Path, multipliers: Sequence[float], **others: Any) -> Store:
    store = Store(folder, "example")
    for i, multiplier in enumerate(multipliers):
        for seed in range(3):
            variant = {"penalty.multiplier": multiplier, **{key: values[i] for key, values in others.items()}}
            store.write(make_record(variant=variant, seed=seed))
    return store


def test_an_option_with_three_values_has_a_curve_of_its_own(tmp_path: Path) -> None:
    store = _variants(tmp_path, (1, 10, 100))
    df = report_frame(store.records())
    (picture,) = render_figures(df, store, kind=sensitivity.KIND)
    check_texts(picture)
    check_panels(picture)
    (ax,) = picture.figure.axes
    assert ax.get_xlabel() == "duccio: penalty.multiplier"
    line = max(ax.lines, key=lambda line: len(line.get_xdata()) * (line.get_linestyle() == "-"))
    means = df.groupby("method")["score"].mean()
    assert list(line.get_xdata()) == [1, 10, 100]
    assert line.get_ydata() == pytest.approx(
        [means[MethodVariant("duccio", (("penalty.multiplier", m),))] for m in ("1", "10", "100")]
    )


def test_an_option_that_only_some_variants_have_is_one_more_difference(tmp_path: Path) -> None:
    store = _variants(tmp_path, (1, 10, 100, 1000))
    last = next(r for r in store.records() if r.options["penalty.multiplier"] == 1000)
    store.write(dataclasses.replace(last, options={**last.options, "extra": 1}))
    assert [p for p in plan_figures(report_frame(store.records()), store) if p.name.startswith(sensitivity.KIND)]


@pytest.mark.parametrize(
    ("multipliers", "others"), [((1, 10), {}), ((1, 10, 100), {"projection": ["none", "repair", "refill"]})]
)
def test_two_values_and_variants_that_differ_in_more_have_no_curve(
    multipliers: Sequence[float], others: dict[str, Any], tmp_path: Path
) -> None:
    store = _variants(tmp_path, multipliers, **others)
    assert not [p for p in plan_figures(report_frame(store.records()), store) if p.name.startswith(sensitivity.KIND)]


def test_records_without_a_chance_score_among_others_spoil_no_figure() -> None:
    records = make_records(seeds=2, budgets=THREE_BUDGETS)
    mixed = [r if i % 2 == 0 else with_chance(r) for i, r in enumerate(records)]
    assert render_figures(report_frame(mixed), kind="attainment")
