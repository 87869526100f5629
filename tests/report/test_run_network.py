"""Memory plan and operators as architecture.json holds them."""

import logging
from pathlib import Path
from typing import Any

import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from matplotlib.patches import Rectangle
from run_networks import write_network
from synthetic import make_record
from synthetic_files import ARCHITECTURE, NETWORK_NODES

from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.figures.format import COLUMNS, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame
from suite.report.page.run_data import collect_run_data
from suite.report.run_network import RunNetwork


def pictures(store: Store, kind: str, width: str = "double") -> list[RenderedFigure]:
    return render_figures(report_frame(store.records()), store, FigureFormat.from_options(width), kind)


def rectangles(picture: RenderedFigure, panel: int = 0) -> list[tuple[float, float, float, float]]:
    """Left, bottom, width and height of the buffers of a panel."""
    shapes = [p for p in picture.figure.axes[panel].patches if isinstance(p, Rectangle)]
    return [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in shapes]


def with_nodes(store: Store, record: RunRecord, **nodes: Any) -> RunRecord:
    store.write(record, encode_run_files(architecture=ARCHITECTURE | NETWORK_NODES | nodes))
    return record


def test_nodes_are_read_and_the_peak_is_the_highest_end() -> None:
    network = RunNetwork.parse(NETWORK_NODES)
    assert network is not None
    assert network.peak == 512
    assert [operator.label for operator in network.operators] == ["input", "stem", "pool", "fc"]
    assert network.has_reference
    assert RunNetwork.parse(ARCHITECTURE) is None


@pytest.mark.parametrize(
    "nodes",
    [
        {"memory": 3},
        {"memory": [{"layer": "x"}]},
        {"memory": [{"layer": "x", "offset": 0, "bytes": 1, "first": 0, "last": 9}]},
        {"memory": [{"layer": "x", "offset": -1, "bytes": 1, "first": 0, "last": 0}]},
        {"memory": [{"layer": "x", "offset": "a", "bytes": 1, "first": 0, "last": 0}]},
        {"operators": [{"name": "x"}]},
        {"operators": None},
        {"reference_operators": 3},
    ],
)
def test_torn_nodes_cost_neither_figures_nor_page(
    nodes: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="memory"):
        RunNetwork.parse(NETWORK_NODES | nodes)
    store = Store(tmp_path, "example")
    record = with_nodes(store, make_record(), **nodes)
    with caplog.at_level(logging.WARNING):
        names = [picture.name.split("_")[0] for picture in pictures(store, "")]
    assert names == ["forest", "score", "widths"][: len(names)]
    assert record.id in caplog.text
    detail = collect_run_data([record], report_frame([record]), store)["details"]["0"]
    assert detail["layers"]
    assert "architecture.json cannot be read: memory" in detail["trouble"]


def test_a_run_without_these_nodes_has_no_such_figures(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    store.write(make_record(), encode_run_files(architecture=ARCHITECTURE))
    assert pictures(store, "memory_plan") == pictures(store, "operator_costs") == []


def test_each_buffer_is_a_rectangle_at_its_place(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    with_nodes(store, make_record())
    (picture,) = pictures(store, "memory_plan")
    expected = [
        (b["first"] - 0.5, b["offset"], b["last"] - b["first"] + 1, b["bytes"]) for b in NETWORK_NODES["memory"]
    ]
    assert rectangles(picture) == expected
    texts = [text for text, _ in visible_texts(picture.figure)]
    assert "peak 512 B" in texts
    assert [text.get_text() for text in picture.figure.axes[0].get_xticklabels()] == ["input", "stem", "pool", "fc"]
    check_texts(picture)


def test_limits_are_lines_where_they_are_near_and_named_where_they_are_far(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    made = write_network(store, ResNet8(width=12), ResNet8(), (3, 32, 32), {"ram": "80%"})
    (picture,) = pictures(store, "memory_plan")
    (ax,) = picture.figure.axes
    heights = [line.get_ydata()[0] for line in ax.lines]  # type: ignore[index]
    assert heights == pytest.approx([made.costs["ram"] / 1024, made.targets["ram"] / 1024])
    texts = [text for text, _ in visible_texts(picture.figure)]
    assert f"peak {made.costs['ram']:,.0f} B" in texts
    assert "above: board leaves 645,360 B" in texts


@pytest.mark.parametrize("width", COLUMNS)
@pytest.mark.parametrize("kind", ["memory_plan", "operator_costs"])
def test_no_text_overlaps_in_networks_of_any_size(kind: str, width: str, tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    long = {"variant": {"guarantee": "repair", "penalty.schedule": "constant"}}
    write_network(store, MobileNetV1(width=6), MobileNetV1(), (3, 96, 96), {"ram": "80%"}, benchmark="vww", **long)
    write_network(store, DsCnn(), DsCnn(), (1, 49, 10), {}, benchmark="kws")
    for budget in ({"weights": "60%", "ram": "75%", "latency": "90%"}, {"ram": "76%"}, {"weights": "25%"}):
        write_network(store, ResNet8(width=12), ResNet8(), (3, 32, 32), budget, benchmark="ic")
    found = pictures(store, kind, width)
    assert len(found) >= 4
    for picture in found:
        check_texts(picture)
        check_panels(picture)


def test_operators_are_bars_beside_the_reference_networks(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    with_nodes(store, make_record())
    (picture,) = pictures(store, "operator_costs")
    flash, latency = picture.figure.axes
    assert [text.get_text() for text in flash.get_yticklabels()] == ["file, input", "stem", "pool", "fc"]
    widths = [p.get_width() for p in flash.patches if isinstance(p, Rectangle)]
    assert widths == pytest.approx([x / 1024 for x in (430, 500, 380, 400, 0, 63, 0, 49, 800, 600)])
    widths = [p.get_width() for p in latency.patches if isinstance(p, Rectangle)]
    assert widths == pytest.approx([0, 1, 0, 0.02, 3, 0.05])
    texts = [text for text, _ in visible_texts(picture.figure)]
    assert {"flash, kB", "latency, ms", "reference network"} <= set(texts)


def test_extrapolated_latency_is_said_on_the_axis(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    with_nodes(store, make_record(extrapolated=("too few MACs",)))
    (picture,) = pictures(store, "operator_costs")
    assert "latency (extrapolated), ms" in [text for text, _ in visible_texts(picture.figure)]


def test_the_best_network_that_fits_stands_for_a_budget(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    scores = {"test": 0.5, "validation": 0.99}
    with_nodes(store, make_record(seed=0, scores=scores, feasible=False))
    with_nodes(store, make_record(seed=1, scores={**scores, "validation": 0.7}))
    with_nodes(store, make_record(seed=2, scores={**scores, "validation": 0.8}))
    (picture,) = pictures(store, "memory_plan")
    (title,) = [text for text, _ in visible_texts(picture.figure) if "budget: weights" in text]
    assert title.endswith("seed 2")


def test_reports_read_networks_without_torch() -> None:
    import suite.report.run_network as module

    assert "torch" not in vars(module)
    assert "suite.hardware" not in Path(str(module.__file__)).read_text()
