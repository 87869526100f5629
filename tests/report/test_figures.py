import io
from collections.abc import Sequence
from itertools import combinations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from synthetic import METHODS, make_failure, make_record, make_records

from suite.report.figures import pictures
from suite.report.frame import frame
from suite.report.sheets import LINES, Picture
from suite.report.style import looks, pdf, png, styled

MANY = (
    "nsga2",
    "tpe",
    "objective (equal length)",
    "someone_elses_method_with_a_long_name (equal length, no refill)",
)


def hard_case() -> pd.DataFrame:
    """Many methods with long names; budgets with no, one and four constraints, and far misses."""
    budgets: Sequence[dict[str, str]] = (
        {"weights": "5%"},
        {"weights": "25%", "latency": "50%", "ram": "50%", "macs": "1.5M"},
        {},
        {"weights": "20kB", "latency": "5ms"},
    )
    return frame([make_record(method=m, budget=b, seed=s) for m in (*METHODS, *MANY) for b in budgets for s in (0, 1)])


@pytest.fixture(scope="module")
def usual() -> list[Picture]:
    return pictures(frame(make_records()))


@pytest.fixture(scope="module")
def hard() -> list[Picture]:
    return pictures(hard_case())


def texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that can be seen, with its box in pixels."""
    with styled():
        figure.draw_without_rendering()
    found: list[Text] = list(figure.legends[0].get_texts())
    for ax in figure.axes:
        found += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]  # type: ignore[attr-defined]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, sorted(ax.get_ylim()))):
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    seen = [t for t in found if t.get_visible() and t.get_text()]
    return [(t.get_text(), t.get_window_extent()) for t in seen]


def test_there_are_three_figures_for_each_benchmark_preset_and_device(usual: list[Picture]) -> None:
    assert [p.name.split("_")[0] for p in usual] == ["score", "violations", "cost"]
    assert all(p.caption and "digits" in p.title for p in usual)
    both = pictures(frame([make_record(preset="paper"), make_record(preset="smoke")]))
    assert len({p.name for p in both}) == 6


@pytest.mark.parametrize("case", ["usual", "hard"])
def test_no_text_overlaps_another_or_is_cut(case: str, request: pytest.FixtureRequest) -> None:
    for picture in request.getfixturevalue(case):
        paper = picture.figure.bbox
        found = texts(picture.figure)
        for text, box in found:
            assert Bbox.union([paper, box]).bounds == paper.bounds, (picture.name, text)
        for (one, a), (other, b) in combinations(found, 2):
            assert Bbox.intersection(a.padded(-1), b.padded(-1)) is None, (picture.name, one, other)


@pytest.mark.parametrize("case", ["usual", "hard"])
def test_no_panel_is_empty(case: str, request: pytest.FixtureRequest) -> None:
    for picture in request.getfixturevalue(case):
        assert picture.figure.axes
        assert all(ax.lines or ax.patches for ax in picture.figure.axes)


def test_long_experiments_are_split_over_figures(hard: list[Picture]) -> None:
    scores = [p for p in hard if p.name.startswith("score")]
    assert len(scores) > 1
    assert all(len(p.figure.axes) <= 2 * LINES for p in scores)


def test_budget_side_and_infeasible_points_can_be_told() -> None:
    record = make_record(method="hand_tuned (equal length)")
    assert not record.feasible
    score = pictures(frame([record]))[0].figure.axes[0]
    assert score.get_xlim()[0] < 25 < score.get_xlim()[1]
    assert {str(line.get_markerfacecolor()) for line in score.lines if line.get_marker() == "s"} >= {"white"}
    region = score.patches[0].get_extents().transformed(score.transData.inverted())
    assert region.x0 == pytest.approx(25)


def dashed(figure: Figure) -> list[list[float]]:
    """For each panel the heights of its dashed lines."""
    return [[line.get_ydata()[0] for line in ax.lines if line.is_dashed()] for ax in figure.axes]  # type: ignore[index]


def test_quality_target_is_a_labelled_dashed_line_within_every_score_panel() -> None:
    records = [make_record(method=m, seed=s, quality_target=0.95) for m in METHODS for s in (0, 1)]
    score, *others = pictures(frame(records))
    assert dashed(score.figure) == [[0.95], [0.95]]
    assert all(low < 0.95 < high for low, high in (ax.get_ylim() for ax in score.figure.axes))
    assert "MLPerf Tiny's target, 0.95" in [text for text, _ in texts(score.figure)]
    assert "quality target" in score.caption
    assert not any(line for other in others for line in dashed(other.figure))


def test_without_a_quality_target_there_is_no_line(usual: list[Picture]) -> None:
    assert not any(dashed(usual[0].figure))
    assert not any("MLPerf" in text for text, _ in texts(usual[0].figure))


def test_presets_never_share_a_panel() -> None:
    paper, smoke = (make_record(preset=p, scores={"test": v}) for p, v in (("paper", 0.9), ("smoke", 0.3)))
    together, alone = (pictures(frame(records)) for records in ([paper, smoke], [smoke]))
    of_smoke = [p for p in together if "smoke" in p.name]
    assert [p.name for p in of_smoke] == [p.name for p in alone]
    for one, other in zip(of_smoke[:2], alone[:2], strict=True):  # search cost may share artefacts
        assert png(one.figure) == png(other.figure)


def test_looks_differ_by_marker_and_known_methods_keep_theirs() -> None:
    names = (*METHODS, *MANY)
    found = looks(names)
    assert len({look.marker for look in found.values()}) == len(names)
    assert looks(["duccio", "zzz"])["duccio"] == found["duccio"]
    assert looks(names) == looks(reversed(names))


def test_same_records_give_the_same_bytes() -> None:
    first, second = (pictures(frame(records)) for records in (make_records(), make_records()[::-1]))
    for one, other in zip(first, second, strict=True):
        assert png(one.figure) == png(other.figure)
        assert pdf(one.figure) == pdf(other.figure)


def test_files_hold_no_date_and_no_program(usual: list[Picture]) -> None:
    assert set(Image.open(io.BytesIO(png(usual[0].figure))).info) <= {"dpi", "transparency"}
    content = pdf(usual[0].figure)
    assert not any(word in content for word in (b"CreationDate", b"ModDate", b"Producer", b"Creator"))


def test_pictures_are_small(usual: list[Picture], hard: list[Picture]) -> None:
    assert max(len(png(p.figure)) for p in (*usual, *hard)) < 300_000


def test_no_finished_run_gives_no_figure() -> None:
    assert pictures(frame([make_failure()])) == []


def test_unlimited_runs_have_no_figure_of_violations() -> None:
    names = [p.name.split("_")[0] for p in pictures(frame([make_record(budget={})]))]
    assert names == ["score", "cost"]
