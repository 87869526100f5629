"""Figures that are drawn from histories and architectures."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from synthetic import make_record, with_chance

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.build import Report
from suite.report.figures.format import COLUMNS, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import MethodVariant, report_frame

RESULTS = Path(__file__).parents[2] / "results"
RECORDED = sorted(path.parent.name for name in ("runs", "records.zip") for path in RESULTS.glob(f"*/{name}"))
REFERENCE_NETWORK = {"_target_": "suite.models.resnet8.ResNet8", "in_channels": 1, "classes": 10, "width": 16}
# Not in the order of their names, which is how a record sorts them.
WIDTHS = {"stem": 16, "block2.conv1": 32, "block10.conv1": 64, "block3.conv1": 64}
LONG = MethodVariant("duccio", (("guarantee", "repair"), ("penalty.schedule", "constant")))


def history(seed: int, epochs: int = 4) -> pd.DataFrame:
    """Warm-up, search and final training of `epochs` each, the last one longer by `seed`."""
    rows: list[dict[str, Any]] = []
    for phase, label, count in (
        ("warmup", "warm-up", epochs),
        ("search", "search", epochs),
        ("finetune", "finetune", epochs + seed),
    ):
        for epoch in range(count):
            row: dict[str, Any] = {
                "phase": phase,
                "label": label,
                "epoch": epoch,
                "loss": 1.0,
                "score": 0.8 + 0.01 * epoch,
            }
            if phase == "search":
                row |= {"cost/weights": 77_360.0 / (1 + epoch), "cost/latency": 0.152 / (1 + epoch / 2)}
                row |= {"strength/weights": 1e-6 * (1 + epoch), "strength/latency": 0.5}
                row |= {"choice/blocks.0": "conv3x3", "probability/blocks.0": 0.4 + 0.1 * epoch}
            rows.append(row)
    return pd.DataFrame(rows)


def write(store: Store, record: RunRecord, *, epochs: pd.DataFrame | None = None, **architecture: Any) -> None:
    """A run whose network has half the reference network's widths."""
    half = {name: width // 2 + record.seed for name, width in WIDTHS.items()}
    record = dataclasses.replace(record, widths=half, reference_widths=WIDTHS)
    usual = {
        "reference_network": REFERENCE_NETWORK,
        "input_shape": [1, 8, 8],
        "widths": half,
        "layers": [],
        **architecture,
    }
    store.write(record, encode_run_files(history=epochs, architecture=usual))


def usual_store(folder: Path) -> Store:
    """Two methods with strengths, one of them with a long name and one without choices, and one without strengths."""
    store = Store(folder, "example")
    for seed in (0, 1, 2):
        write(store, with_chance(make_record(method="duccio", seed=seed)), epochs=history(seed))
        write(store, with_chance(make_record(method="random_search", seed=seed)))
        choices = {"blocks.0": "conv3x3" if seed else "identity", "blocks.1": "separable"}
        write(
            store,
            with_chance(make_record(variant=dict(LONG.variant), seed=seed)),
            epochs=history(seed),
            choices=choices,
        )
    return store


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RenderedFigure]:
    store = usual_store(tmp_path_factory.mktemp("results"))
    return {
        p.name.removesuffix("_digits_paper_nucleo_l4r5zi"): p
        for p in render_figures(report_frame(store.records()), store)
    }


def test_each_kind_is_drawn_where_its_data_are(found: dict[str, RenderedFigure]) -> None:
    assert list(found) == ["forest", "score", "trajectories", "widths"]


def test_no_text_overlaps_and_no_panel_is_empty(found: dict[str, RenderedFigure]) -> None:
    for picture in found.values():
        check_texts(picture)
        check_panels(picture)


def test_nor_in_one_column(tmp_path: Path) -> None:
    store = usual_store(tmp_path)
    for picture in render_figures(report_frame(store.records()), store, FigureFormat.from_options("single")):
        check_texts(picture)
        check_panels(picture)


@pytest.mark.parametrize("width", COLUMNS)
@pytest.mark.parametrize("experiment", RECORDED)  # without any pytest skips this and says so
def test_recorded_experiments_have_no_overlapping_text_and_no_empty_panel(experiment: str, width: str) -> None:
    store = Store(RESULTS, experiment)
    pictures = render_figures(report_frame(store.records()), store, FigureFormat.from_options(width))
    assert pictures
    for picture in pictures:
        check_texts(picture)
        check_panels(picture)


def test_trajectories_show_cost_over_target_and_the_line_at_one(found: dict[str, RenderedFigure]) -> None:
    costs, strengths, _ = found["trajectories"].figure.axes[:3]
    target = make_record().targets["weights"]
    drawn_lines = [np.asarray(line.get_ydata(), dtype=float) for line in costs.lines]
    expected = 77_360.0 / np.arange(1, 5) / target
    assert any(np.allclose(y[np.isfinite(y)], expected) for y in drawn_lines if np.isfinite(y).sum() == 4)
    assert any(np.array_equal(y, [1, 1]) for y in drawn_lines)
    heights = [np.asarray(line.get_ydata(), dtype=float) for line in strengths.lines]
    assert any(np.allclose(y[np.isfinite(y)], 1e-6 * np.arange(1, 5) * target) for y in heights if len(y) > 2)


def test_seeds_of_different_lengths_share_the_start_of_each_phase(found: dict[str, RenderedFigure]) -> None:
    ax = found["trajectories"].figure.axes[2]
    starts = {
        tuple(np.asarray(line.get_xdata())[[0, 5, 10]]) for line in ax.lines if len(np.asarray(line.get_xdata())) > 2
    }
    assert starts == {(0.5, 4.5, 8.5)}
    assert ax.get_xlim() == (0, 4 + 4 + 6)


def test_a_method_that_picks_no_strengths_has_a_trajectory_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    epochs = history(0)
    write(store, make_record(method="taper"), epochs=epochs.drop(columns=[c for c in epochs if "strength" in c]))
    (picture,) = render_figures(report_frame(store.records()), store, kind="trajectories")
    check_texts(picture)
    assert "none in this method" in [text for text, _ in visible_texts(picture.figure)]


def test_methods_without_costs_by_epoch_have_no_trajectories(found: dict[str, RenderedFigure]) -> None:
    titles = {text.split(", budget")[0] for text, _ in visible_texts(found["trajectories"].figure) if "budget" in text}
    assert titles == {"duccio", str(LONG)}


def test_widths_are_in_percent_of_the_reference_from_input_to_output(found: dict[str, RenderedFigure]) -> None:
    ax = found["widths"].figure.axes[-1]
    assert [label.get_text().replace("\n", ".") for label in ax.get_xticklabels()] == [
        f"{name}.({width})" for name, width in WIDTHS.items()
    ]
    said = [text for text, _ in visible_texts(found["widths"].figure)]
    assert "56" in said  # (8 + 9 + 10) / 3 of 16
    assert "50\u201362" in said


def test_a_torn_file_leaves_its_run_out_and_the_figures_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = usual_store(tmp_path)
    df = report_frame(store.records())
    torn = store.run_folder(str(df[df["method"] == MethodVariant("duccio")]["id"].iloc[0]))
    (torn / "history.parquet").write_bytes(b"PAR1 torn")
    (torn / "architecture.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        names = [p.name.split("_")[0] for p in render_figures(df, store)]
    assert {"trajectories", "widths"} <= set(names)
    assert str(torn) in caplog.text


@pytest.mark.parametrize("other", [None, {"weights": "25%"}, {"latency": "50%"}])
def test_runs_without_a_budget_have_no_trajectories_and_spoil_no_others(
    other: dict[str, str] | None, tmp_path: Path
) -> None:
    store = Store(tmp_path, "example")
    write(store, make_record(budget={}), epochs=history(0))
    if other is not None:
        write(store, make_record(budget=other), epochs=history(0))
    pictures = render_figures(report_frame(store.records()), store, kind="trajectories")
    assert len(pictures) == (other is not None)
    for picture in pictures:
        assert len(picture.figure.axes) == 3
        check_panels(picture)


def odd(epochs: pd.DataFrame, kind: str) -> pd.DataFrame:
    """A history that another method may leave."""
    return {
        "no score": epochs.drop(columns="score"),
        "score unknown": epochs.assign(score=float("nan")),
        "empty": epochs.head(0),
        "no phase": epochs.drop(columns="phase"),
    }[kind]


@pytest.mark.parametrize(("kind", "figures"), [("no score", 1), ("score unknown", 1), ("empty", 0), ("no phase", 0)])
def test_histories_that_lack_something_never_cost_the_report(kind: str, figures: int, tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    write(store, make_record(), epochs=odd(history(0), kind))
    pictures = render_figures(report_frame(store.records()), store)
    assert sum(p.name.startswith("trajectories") for p in pictures) == figures
    assert any(p.name.startswith("score") for p in pictures)


def test_runs_of_which_no_cost_is_known_make_a_report(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    store.write(dataclasses.replace(make_record(budget={}), costs={}, reference_costs={}))
    assert Report.load(store).write().is_file()
