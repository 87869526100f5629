"""The figure of the best validation score so far against cost."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from matplotlib.axes import Axes
from synthetic import make_record

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.figures.best_so_far import KIND, MOST_METHODS
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame

TRIALS = ((0.5, 0.5, 100.0), (0.9, 2.0, 300.0), (0.4, 0.5, 100.0), (0.7, 0.9, 100.0))
"""Last score, weights over their target and MACs of the trials, two epochs each."""


def history(target: float | None, shift: float = 0.0) -> pd.DataFrame:
    """A warm-up's epoch and those of `TRIALS`; without a `target` costs are not recorded. One trial is not trained."""
    rows = [{"phase": "warmup", "label": "warm-up", "epoch": 0, "loss": 1.0, "score": 0.95}]
    for i, (score, share, macs) in enumerate(TRIALS):
        costs = {"cost/weights": share * target, "cost/macs": macs, "trial_state": "trained"} if target else {}
        for epoch in (0, 1):
            rows.append({"phase": "search", "label": f"trial-{i}", "epoch": epoch, "loss": 1.0,
                         "score": score - 0.1 + 0.1 * epoch + shift, **costs})  # fmt: skip
    rows.append({"phase": "search", "label": "trial-9", "epoch": -1, "loss": 1.0, "score": float("nan")})
    return pd.DataFrame(rows)


def sampler(store: Store, method: str, seed: int = 0, shift: float = 0.0, *, costs: bool = True) -> RunRecord:
    record = make_record(method=method, seed=seed, budget={"weights": "25%"}, feasible=True)
    target = record.targets["weights"] if costs else None
    store.write(record, encode_run_files(history=history(target, shift)))
    return record


def picture(store: Store) -> RenderedFigure:
    (found,) = render_figures(report_frame(store.records()), store, kind=KIND)
    check_texts(found)
    check_panels(found)
    return found


def curve(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    (line,) = (line for line in ax.lines if line.get_drawstyle() == "steps-post")
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def test_only_networks_within_the_budget_count_and_cost_is_spread_by_their_macs(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    sampler(store, "tpe_single")
    cost, best = curve(picture(store).figure.axes[0])
    assert best == pytest.approx([0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.7])
    run = report_frame(store.records()).iloc[0]
    parts = {phase: run[f"trainings/{phase}"] for phase in ("warmup", "search", "evaluation")}
    steps = parts["search"] * np.repeat([100, 300, 100, 100], 2) / 1200 + parts["evaluation"] / 9
    assert cost == pytest.approx(parts["warmup"] + parts["evaluation"] / 9 + np.cumsum(steps))


def test_without_recorded_costs_candidates_fit_where_the_returned_network_does(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    record = sampler(store, "random_search", costs=False)
    assert curve(picture(store).figure.axes[0])[1].max() == pytest.approx(0.9)
    missed = dataclasses.replace(record, feasible=False)
    store.write(missed, encode_run_files(history=history(None)))
    assert render_figures(report_frame(store.records()), store, kind=KIND) == []


def test_seeds_are_averaged_from_where_all_have_a_network_within_a_band(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    for seed, shift in enumerate((0.0, 0.1)):
        sampler(store, "tpe_single", seed, shift)
    (ax,) = picture(store).figure.axes
    assert curve(ax)[1][-1] == pytest.approx(0.75)
    edges = ax.collections[0].get_paths()[0].vertices
    assert (edges[:, 1].min(), edges[:, 1].max()) == (pytest.approx(0.4), pytest.approx(0.8))


def test_other_methods_are_marks_at_their_whole_cost_and_six_methods_are_drawn(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    sampler(store, "tpe_single")
    for i in range(7):
        scores = {"validation": 0.8, "test": 0.9 - i / 100}
        store.write(make_record(method=f"other_{i}", budget={"weights": "25%"}, feasible=i > 0, scores=scores))
    found = picture(store)
    marks = [line for line in found.figure.axes[0].lines if line.get_drawstyle() != "steps-post"]
    df = report_frame(store.records())
    total = df[df["method"].map(str) == "other_1"]["trainings"].item()
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks[:1]] == [(pytest.approx(total), 0.8)]  # type: ignore[index]
    assert len(marks) == MOST_METHODS - 1
    shown = [text for text, _ in visible_texts(found.figure) if text.startswith(("other", "tpe"))]
    assert shown == ["tpe_single", *(f"other_{i}" for i in range(1, MOST_METHODS))]


def test_methods_along_one_training_have_no_such_figure_and_samplers_no_trajectories(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    sampler(store, "tpe_single")
    record = make_record(budget={"weights": "25%"})
    epochs = history(record.targets["weights"]).assign(label="search").drop(columns="trial_state")
    store.write(record, encode_run_files(history=epochs))
    trajectories = render_figures(report_frame(store.records()), store, kind="trajectories")
    titles = [text for picture in trajectories for text, _ in visible_texts(picture.figure) if "budget" in text]
    assert [title.split(",")[0] for title in titles] == ["duccio"]
    curves = [line for line in picture(store).figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert len(curves) == 1
