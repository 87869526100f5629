"""The figure of attainment surfaces."""

from collections.abc import Sequence

import numpy as np
import pytest
from figure_checks import render_figures
from synthetic import REFERENCE_COSTS, make_record, make_records, with_chance

from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame

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


def test_records_without_a_chance_score_among_others_spoil_no_figure() -> None:
    records = make_records(seeds=2, budgets=THREE_BUDGETS)
    mixed = [r if i % 2 == 0 else with_chance(r) for i, r in enumerate(records)]
    assert render_figures(report_frame(mixed), kind="attainment")
