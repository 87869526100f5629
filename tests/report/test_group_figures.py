"""Figures of whole groups of runs: attainment and sensitivity."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_checks import check_panels, check_texts, render_figures
from synthetic import REFERENCE_COSTS, make_record, make_records, with_chance

from suite.records.store import Store
from suite.report.figures import sensitivity
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import MethodVariant, report_frame

THREE_BUDGETS = ({"weights": "25%"}, {"weights": "50%"}, {"weights": "75%"})


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
