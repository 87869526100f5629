"""Figures that are drawn from histories, architectures and whole groups of runs."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import check_panels, check_texts, drawn, texts
from scipy.stats import friedmanchisquare
from synthetic import SEED_COSTS, make_record, make_records

from suite.record import RunRecord
from suite.report.build import build_report
from suite.report.figures import plots, sensitivity
from suite.report.figures.layer_memory import _layer_bytes, _seed_network
from suite.report.figures.profiles import scaled_scores
from suite.report.figures.ranks import LEAST_PROBLEMS, mean_ranks, problems
from suite.report.frame import frame
from suite.report.sheets import Picture
from suite.store import Store

RESULTS = Path(__file__).parents[2] / "results"
SEED = {"_target_": "suite.models.resnet8.ResNet8", "in_channels": 1, "classes": 10, "width": 16}
# Not in the order of their names, which is how a record sorts them.
WIDTHS = {"stem": 16, "block2.conv1": 32, "block10.conv1": 64, "block3.conv1": 64}
LONG = "duccio (constant strengths, guarantee repair)"


def history(seed: int, epochs: int = 4, *, refined: bool = False) -> pd.DataFrame:
    """Warm-up, search and final training of `epochs` each, the last one longer by `seed`."""
    rows: list[dict[str, Any]] = []
    for phase, label, count in (
        ("warmup", "seed", epochs),
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
                row |= {"layers_over/8192": 2.0, "memory/block3.conv2": 20_000.0} if refined else {}
                row |= {"choice/blocks.0": "conv3x3", "probability/blocks.0": 0.4 + 0.1 * epoch}
            rows.append(row)
    return pd.DataFrame(rows)


def with_chance(record: RunRecord, chance: float = 0.1) -> RunRecord:
    """The record of a benchmark that states a chance score."""
    return dataclasses.replace(
        record, config={**record.config, "benchmark": {"name": record.benchmark, "chance": chance}}
    )


def write(store: Store, record: RunRecord, *, epochs: pd.DataFrame | None = None, **architecture: Any) -> None:
    """A run whose network has half the seed's widths."""
    half = {name: width // 2 + record.seed for name, width in WIDTHS.items()}
    record = dataclasses.replace(record, widths=half, seed_widths=WIDTHS)
    found = {"seed": SEED, "input_shape": [1, 8, 8], "widths": half, "layers": [], **architecture}
    store.write(record, history=epochs, architecture=found)


def usual_store(folder: Path) -> Store:
    """Two methods with strengths, one of them with a long name and one without choices, and one without strengths."""
    store = Store(folder, "example")
    for seed in (0, 1, 2):
        write(store, with_chance(make_record(method="duccio", seed=seed)), epochs=history(seed))
        write(store, with_chance(make_record(method="random_search", seed=seed)))
        choices = {"blocks.0": "conv3x3" if seed else "identity", "blocks.1": "separable"}
        write(store, with_chance(make_record(method=LONG, seed=seed)), epochs=history(seed), choices=choices)
    return store


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    store = usual_store(tmp_path_factory.mktemp("results"))
    return {p.name.removesuffix("_digits_paper_nucleo_l4r5zi"): p for p in drawn(frame(store.records()), store)}


def test_each_kind_is_drawn_where_its_data_are(found: dict[str, Picture]) -> None:
    assert list(found) == ["score", "violations", "cost", "hypervolume", "trajectories", "widths", "choices"]


def test_no_text_overlaps_and_no_panel_is_empty(found: dict[str, Picture]) -> None:
    for picture in found.values():
        check_texts(picture)
        check_panels(picture)


@pytest.mark.parametrize("experiment", ["paper_ablation", "layerwise", "five_benchmarks"])
def test_recorded_experiments_have_no_overlapping_text_and_no_empty_panel(experiment: str) -> None:
    store = Store(RESULTS, experiment)
    if not store.folder.exists():
        pytest.skip(f"no records in {store.folder}")
    pictures = drawn(frame(store.records()), store)
    assert pictures
    for picture in pictures:
        check_texts(picture)
        check_panels(picture)


def test_trajectories_show_cost_over_target_and_the_line_at_one(found: dict[str, Picture]) -> None:
    costs, strengths, _ = found["trajectories"].figure.axes[:3]
    target = make_record().targets["weights"]
    drawn_lines = [np.asarray(line.get_ydata(), dtype=float) for line in costs.lines]
    expected = 77_360.0 / np.arange(1, 5) / target
    assert any(np.allclose(y[np.isfinite(y)], expected) for y in drawn_lines if np.isfinite(y).sum() == 4)
    assert any(np.array_equal(y, [1, 1]) for y in drawn_lines)
    heights = [np.asarray(line.get_ydata(), dtype=float) for line in strengths.lines]
    assert any(np.allclose(y[np.isfinite(y)], 1e-6 * np.arange(1, 5) * target) for y in heights if len(y) > 2)


def test_seeds_of_different_lengths_share_the_start_of_each_phase(found: dict[str, Picture]) -> None:
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
    (picture,) = (p for p in drawn(frame(store.records()), store) if p.name.startswith("trajectories"))
    check_texts(picture)
    assert "none in this method" in [text for text, _ in texts(picture.figure)]


def test_methods_without_costs_by_epoch_have_no_trajectories(found: dict[str, Picture]) -> None:
    titles = {text.split(", budget")[0] for text, _ in texts(found["trajectories"].figure) if "budget" in text}
    assert titles == {"duccio", LONG}


def test_widths_are_in_percent_of_the_seed_from_input_to_output(found: dict[str, Picture]) -> None:
    ax = found["widths"].figure.axes[-1]
    assert [label.get_text().split()[0] for label in ax.get_xticklabels()] == list(WIDTHS)
    said = [text for text, _ in texts(found["widths"].figure)]
    assert "56" in said  # (8 + 9 + 10) / 3 of 16
    assert "50\u201362" in said


def test_choices_name_the_branch_and_its_probability(found: dict[str, Picture]) -> None:
    said = [text for text, _ in texts(found["choices"].figure)]
    assert (said.count("identity"), said.count("conv3x3"), said.count("separable")) == (1, 2, 3)
    assert "0.70" in said


def test_a_torn_file_leaves_its_run_out_and_the_figures_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = usual_store(tmp_path)
    df = frame(store.records())
    torn = store.run_folder(str(df[df["method"] == "duccio"]["id"].iloc[0]))
    (torn / "history.parquet").write_bytes(b"PAR1 torn")
    (torn / "architecture.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        names = [p.name.split("_")[0] for p in drawn(df, store)]
    assert {"trajectories", "widths", "choices"} <= set(names)
    assert str(torn) in caplog.text


def test_memory_of_layers_is_that_of_the_traced_network() -> None:
    torch = pytest.importorskip("torch")
    from suite.hardware.layer_memory import LayerMemory
    from suite.hardware.trace import trace
    from suite.models.resnet8 import ResNet8

    network = trace(ResNet8(in_channels=1, classes=10, width=16), (1, 8, 8))
    layers = [{"name": x.name, "in": x.in_channels, "out": x.channels} for x in network.weighted]
    memory = _layer_bytes({"seed": SEED, "input_shape": [1, 8, 8], "layers": layers})
    assert memory is not None
    names, seed, same = memory
    expected = LayerMemory.of(network)
    assert names == list(expected.names)
    assert torch.tensor(same).equal(expected.bytes(expected.table.cin, expected.table.cout))
    assert seed == same
    assert same[0] == 8 * 8 * 1 + 8 * 8 * 16 + 9 * 16  # stem: input, output, weights


@pytest.mark.parametrize(
    "target", ["os.system", "suite.models.resnet8.nn", "suite.models.resnet8.trace", "suite.cli.main"]
)
def test_nothing_but_the_suites_networks_is_built_from_a_record(target: str) -> None:
    assert _seed_network({"_target_": target, "command": "true"}) is None


def test_layers_are_drawn_against_the_levels_that_they_were_thinned_to(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    names = ("stem", "block1.conv1", "block1.conv2", "block2.conv1", "block2.conv2", "block2.shortcut")
    names += ("block3.conv1", "block3.conv2", "block3.shortcut", "fc")
    layers = [{"name": name, "in": 4, "out": 4} for name in names]
    write(store, make_record(method="duccio_layerwise"), epochs=history(0, refined=True), layers=layers)
    picture = next(p for p in drawn(frame(store.records()), store) if p.name.startswith("layer_memory"))
    check_texts(picture)
    (ax,) = picture.figure.axes
    assert "L1\n8,192 B" in [text for text, _ in texts(picture.figure)]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [list(line.get_ydata()) for line in crosses] == [[20_000.0]]  # type: ignore[arg-type]


def test_hypervolume_needs_two_methods_and_a_chance_score() -> None:
    kinds = [
        {plot.name.split("_")[0] for plot in plots(frame(records), Store(Path("nowhere"), ""))}
        for records in (
            [with_chance(r) for r in make_records()],
            make_records(),
            [with_chance(make_record(seed=s)) for s in (0, 1)],
        )
    ]
    assert ["hypervolume" in names for names in kinds] == [True, False, False]


@pytest.mark.parametrize("other", [None, {"weights": "25%"}, {"latency": "50%"}])
def test_runs_without_a_budget_have_no_trajectories_and_spoil_no_others(
    other: dict[str, str] | None, tmp_path: Path
) -> None:
    store = Store(tmp_path, "example")
    write(store, make_record(budget={}), epochs=history(0))
    if other is not None:
        write(store, make_record(budget=other), epochs=history(0))
    pictures = [p for p in drawn(frame(store.records()), store) if p.name.startswith("trajectories")]
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
    pictures = drawn(frame(store.records()), store)
    assert sum(p.name.startswith("trajectories") for p in pictures) == figures
    assert any(p.name.startswith("score") for p in pictures)


def test_records_without_a_chance_score_among_others_spoil_no_figure() -> None:
    records = make_records(seeds=2, budgets=[{"weights": "25%"}, {"weights": "50%"}])
    mixed = [r if i % 2 == 0 else with_chance(r) for i, r in enumerate(records)]
    assert any(p.name.startswith("attainment") for p in drawn(frame(mixed)))


def test_runs_of_which_no_cost_is_known_make_a_report(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    store.write(dataclasses.replace(make_record(budget={}), costs={}, seed_costs={}))
    assert build_report(store).is_file()


def attained(*runs: tuple[str, str, int, float]) -> Sequence[Picture]:
    """The attainment figure of (weights, method, seed, score); a score of 0 is that of a run that does not fit."""
    records = [
        with_chance(
            make_record(
                budget={"weights": weights},
                method=method,
                seed=seed,
                scores={"test": score or 0.99},
                costs={"weights": SEED_COSTS["weights"] * float(weights.rstrip("%")) / 100},
                feasible=score > 0,
            )
        )
        for weights, method, seed, score in runs
    ]
    return [p for p in drawn(frame(records)) if p.name.startswith("attainment")]


def test_attainment_is_what_most_seeds_reach_at_a_cost_with_a_band_from_all_to_any() -> None:
    duccio = [("25%", "duccio", 0, 0.6), ("25%", "duccio", 1, 0.7), ("25%", "duccio", 2, 0.8)]
    (picture,) = attained(*duccio, ("50%", "duccio", 0, 0.9), ("50%", "duccio", 1, 0.5), ("50%", "duccio", 2, 0))
    (ax,) = picture.figure.axes
    corners = np.asarray(ax.lines[0].get_xydata())[1:-1]
    assert corners.tolist() == pytest.approx(np.array([[25, 0.7], [50, 0.8]]))
    edges = ax.collections[0].get_paths()[0].vertices
    assert edges[:, 1].max() == pytest.approx(0.9)
    assert edges[edges[:, 0] == 25][:, 1].min() == pytest.approx(0.6)


def test_attainment_needs_several_targets_that_are_met() -> None:
    assert not attained(("25%", "duccio", 0, 0.6), ("25%", "nsga2", 0, 0.6))
    assert not attained(("25%", "duccio", 0, 0.6), ("50%", "duccio", 0, 0))
    fits = [(weights, "duccio", 0, 0.6) for weights in ("25%", "50%")]
    (picture,) = attained(*fits, ("25%", "nsga2", 0, 0.8), ("50%", "nsga2", 1, 0), ("50%", "nsga2", 2, 0))
    assert len(picture.figure.axes[0].lines) == 1, "one seed of three is no half"


def across(benchmarks: int) -> pd.DataFrame:
    """Three methods on several benchmarks at two budgets; `a` is always best, `c` never fits."""
    quality = {"a": 0.9, "b": 0.5, "c": 0.95}
    records = []
    for i in range(benchmarks):
        for budget in ({"weights": "25%"}, {"weights": "50%"}):
            for method, score in quality.items():
                record = make_record(
                    method=method, benchmark=f"b{i}", budget=budget, scores={"test": score}, feasible=method != "c"
                )
                records.append(with_chance(record))
    return frame(records)


def test_scaled_scores_are_one_for_the_best_that_fits_and_leave_out_who_never_fits() -> None:
    scaled = scaled_scores(across(2)).groupby("method")["scaled"].agg(["min", "max"])
    assert scaled.loc["a"].tolist() == [1, 1]
    assert scaled.loc["b"].tolist() == pytest.approx([0.5, 0.5])  # (0.5 - 0.1) / (0.9 - 0.1)
    assert "c" not in scaled.index


def test_profiles_are_drawn_for_several_benchmarks_only() -> None:
    several, one = ([p for p in drawn(across(n)) if p.name.startswith("profiles")] for n in (2, 1))
    assert len(several) == 1
    assert one == []
    check_texts(several[0])


def test_ranks_are_those_of_demsar_with_friedmans_p() -> None:
    scores = np.random.default_rng(0).random((14, 4))
    found = mean_ranks(scores, ["a", "b", "c", "d"])
    assert found.critical == pytest.approx(1.25, abs=0.005)  # Demsar 2006, section 3.2.4
    assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)
    assert sum(found.means) == pytest.approx(10)
    assert list(found.means) == sorted(found.means)


def test_equal_scores_share_a_rank() -> None:
    found = mean_ranks(np.array([[3.0, 2.0, 2.0], [3.0, 2.0, 2.0]]), ["a", "b", "c"])
    assert dict(zip(found.methods, found.means, strict=True)) == {"a": 1.0, "b": 2.5, "c": 2.5}


def test_ranks_are_drawn_from_six_problems_on_and_else_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    enough, few = across(LEAST_PROBLEMS // 2), across(LEAST_PROBLEMS // 2 - 1)
    assert problems(enough).shape == (LEAST_PROBLEMS, 3)
    (picture,) = (p for p in drawn(enough) if p.name.startswith("ranks"))
    check_texts(picture)
    assert "not independent" in picture.caption
    with caplog.at_level(logging.INFO):
        assert not [p for p in plots(few, Store(Path("nowhere"), "")) if p.name.startswith("ranks")]
    assert f"4 pairs of benchmark and budget are too few, it takes {LEAST_PROBLEMS}" in caplog.text


def test_a_method_missing_on_one_problem_costs_that_problem_and_not_the_method() -> None:
    df = across(LEAST_PROBLEMS)
    missing = (df["method"] == "b") & (df["benchmark"] == "b0") & (df["budget"] == "weights 25%")
    assert problems(df[~missing]).shape == (2 * LEAST_PROBLEMS - 1, 3)
    rare = (df["method"] == "b") & (df["benchmark"] != "b0")
    assert problems(df[~rare]).shape == (2 * LEAST_PROBLEMS, 2)


def _variants(folder: Path, multipliers: Sequence[float], **others: Any) -> Store:
    store = Store(folder, "example")
    for i, multiplier in enumerate(multipliers):
        for seed in range(3):
            label = f"duccio (strengths x{multiplier:g})"
            record = make_record(method=label, seed=seed)
            options = {"name": "duccio", "penalty": {"multiplier": multiplier}, **{k: v[i] for k, v in others.items()}}
            store.write(dataclasses.replace(record, config=record.config | {"method": options}))
    return store


def test_an_option_with_three_values_has_a_curve_of_its_own(tmp_path: Path) -> None:
    store = _variants(tmp_path, (1, 10, 100))
    df = frame(store.records())
    (picture,) = (p for p in drawn(df, store) if p.name.startswith(sensitivity.KIND))
    check_texts(picture)
    check_panels(picture)
    (ax,) = picture.figure.axes
    assert ax.get_xlabel() == "duccio: penalty.multiplier"
    line = max(ax.lines, key=lambda line: len(line.get_xdata()) * (line.get_linestyle() == "-"))
    means = df.groupby("method")["score"].mean()
    assert list(line.get_xdata()) == [1, 10, 100]
    assert line.get_ydata() == pytest.approx([means[f"duccio (strengths x{m})"] for m in (1, 10, 100)])


def test_an_option_that_only_some_variants_have_is_one_more_difference(tmp_path: Path) -> None:
    store = _variants(tmp_path, (1, 10, 100, 1000))
    last = next(r for r in store.records() if r.config["method"]["penalty"]["multiplier"] == 1000)
    store.write(dataclasses.replace(last, config=last.config | {"method": last.config["method"] | {"extra": 1}}))
    assert [p for p in plots(frame(store.records()), store) if p.name.startswith(sensitivity.KIND)]


@pytest.mark.parametrize(
    ("multipliers", "others"), [((1, 10), {}), ((1, 10, 100), {"guarantee": ["off", "repair", "refill"]})]
)
def test_two_values_and_variants_that_differ_in_more_have_no_curve(
    multipliers: Sequence[float], others: dict[str, Any], tmp_path: Path
) -> None:
    store = _variants(tmp_path, multipliers, **others)
    assert not [p for p in plots(frame(store.records()), store) if p.name.startswith(sensitivity.KIND)]
