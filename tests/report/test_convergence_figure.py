"""The figure of validation score against length of training."""

from typing import Any

import numpy as np
import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from matplotlib.axes import Axes
from synthetic import make_records
from trainings import make_trainings

from suite.records.record import RunRecord
from suite.report.figures.format import COLUMNS, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame

FULL = (0.82, 0.83, 0.84, 0.85, 0.86)


def experiment(benchmark: str = "keyword_spotting", sign: float = 1.0) -> list[RunRecord]:
    """Doubling 12 epochs of `full` gains 2 points, doubling 25 nothing; `paper` at 200 epochs is a point better."""

    def runs(preset: str, epochs: int, shift: float) -> list[RunRecord]:
        return make_trainings(preset, epochs, [sign * (score + sign * shift) for score in FULL], benchmark=benchmark)

    changed = "full (changed)"
    lengths = [(changed, 12, -0.02), ("full", 25, 0.0), (changed, 50, 0.0), ("paper", 200, 0.01)]
    return [run for length in lengths for run in runs(*length)]


def figures(records: list[RunRecord], **options: Any) -> list[RenderedFigure]:
    return render_figures(report_frame(records), kind="convergence", **options)


def line_styles(ax: Axes, vertical: bool) -> list[float]:
    """Where lines go through the whole panel."""
    lines = [np.asarray(line.get_xdata() if vertical else line.get_ydata(), dtype=float) for line in ax.lines]
    others = [np.asarray(line.get_ydata() if vertical else line.get_xdata(), dtype=float) for line in ax.lines]
    return [float(x[0]) for x, y in zip(lines, others, strict=True) if len(x) == 2 and x[0] == x[1] and [*y] == [0, 1]]


def test_means_of_a_recipe_are_joined_and_the_shortest_converged_length_is_dashed() -> None:
    (picture,) = figures(experiment())
    (ax,) = picture.figure.axes
    curve = next(line for line in ax.lines if len(line.get_xdata()) == 3)
    assert list(curve.get_xdata()) == [12, 25, 50]
    assert list(curve.get_ydata()) == pytest.approx([0.82, 0.84, 0.84])
    assert line_styles(ax, vertical=True) == [25]
    assert line_styles(ax, vertical=False) == pytest.approx([0.85]), "the paper's mean"
    assert picture.name == "convergence"
    assert picture.title == "Length of training: all presets"


def test_every_seed_is_a_mark_beside_its_mean() -> None:
    (picture,) = figures(experiment())
    seeds = [line for line in picture.figure.axes[0].lines if line.get_markersize() == 2.5]
    assert [sorted(line.get_ydata()) for line in seeds[:2]] == [
        pytest.approx(np.subtract(FULL, 0.02)),
        pytest.approx(FULL),
    ]
    assert all(len(set(line.get_xdata())) == 1 for line in seeds)


def test_doublings_are_as_wide_and_the_lengths_are_the_ticks() -> None:
    (picture,) = figures(experiment())
    (ax,) = picture.figure.axes
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["12", "25", "50", "200"]


def test_lengths_that_are_close_share_a_tick() -> None:
    (picture,) = figures([*experiment(), *make_trainings("short", 27, FULL)])
    assert [tick.get_text() for tick in picture.figure.axes[0].get_xticklabels()] == ["12", "25", "50", "200"]
    check_texts(picture)


def test_reconstruction_errors_are_positive_and_said_to_be_better_when_low() -> None:
    (picture,) = figures(experiment("anomaly_detection", sign=-1.0))
    (ax,) = picture.figure.axes
    assert ax.get_ylabel() == "validation error (lower is better)"
    assert min(ax.get_ylim()) > 0


@pytest.mark.parametrize("width", COLUMNS)
def test_each_benchmark_has_a_panel_and_many_have_several_pages(width: str) -> None:
    names = ["anomaly_detection", "image_classification", "keyword_spotting", "tiny_imagenet", "visual_wake_words"]
    records = [run for name in names for run in experiment(name, -1.0 if name == "anomaly_detection" else 1.0)]
    pages = figures(records, form=FigureFormat.from_options(width))
    assert [len(page.figure.axes) for page in pages] == ([5] if width == "double" else [4, 1])
    titles = [ax.get_title(loc="left") for page in pages for ax in page.figure.axes]
    assert titles == names
    for page in pages:
        check_texts(page)
        check_panels(page)


def test_without_the_papers_preset_there_is_no_line_of_it() -> None:
    (picture,) = figures([run for run in experiment() if run.preset != "paper"])
    assert line_styles(picture.figure.axes[0], vertical=False) == []
    assert "preset paper" not in [text for text, _ in visible_texts(picture.figure)]


def test_a_partial_experiment_is_drawn_as_far_as_it_is() -> None:
    (picture,) = figures([run for run in experiment() if run.seed == 0])
    assert line_styles(picture.figure.axes[0], vertical=True) == []
    check_texts(picture)


def test_runs_without_a_validation_score_are_left_out() -> None:
    lost = make_trainings("full", 100, FULL, scores={"test": 0.9})
    (picture,) = figures([*experiment(), *lost])
    assert "100" not in [tick.get_text() for tick in picture.figure.axes[0].get_xticklabels()]
    assert figures([*lost, *make_trainings("paper", 200, FULL, scores={"test": 0.9})]) == []


def test_other_experiments_have_no_such_figure() -> None:
    assert figures(make_records()) == []
