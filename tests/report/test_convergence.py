"""The table of trainings of the reference network by preset and length."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import make_failure, make_record, make_records
from trainings import NETWORK, make_training, make_trainings

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.build import Report
from suite.report.grouping import report_frame
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.contents import build_tables
from suite.report.tables.convergence import convergence_table, format_convergence_table
from suite.report.tables.markup import to_latex
from suite.report.tables.notes import table_notes

DASH = "\u2013"
HALF, FULL, DOUBLE = (0.80, 0.81, 0.82, 0.83, 0.84), (0.82, 0.83, 0.84, 0.85, 0.86), (0.82, 0.83, 0.84, 0.85, 0.87)


def experiment() -> list[RunRecord]:
    """`full` at half, all and twice of 25 epochs: doubling gains 2 points, then 0.2; `paper` at 200 epochs."""
    return [
        *make_trainings("full (changed)", 12, HALF, (0.70, 0.71, 0.72, 0.73, 0.74)),
        *make_trainings("full", 25, FULL, (0.80, 0.81, 0.82, 0.83, 0.85)),
        *make_trainings("full (changed)", 50, DOUBLE, (0.81, 0.82, 0.83, 0.84, 0.85)),
        *make_trainings("paper", 200, DOUBLE, (0.81, 0.81, 0.83, 0.83, 0.86)),
    ]


def table(records: list[RunRecord]) -> pd.DataFrame:
    return convergence_table(report_frame(records))


def rows(records: list[RunRecord]) -> list[dict[Any, Any]]:
    return table(records).to_dict("records")


def readable(records: list[RunRecord]) -> list[dict[Any, Any]]:
    return format_convergence_table(table(records)).to_dict("records")


def column(records: list[RunRecord], name: str) -> list[Any]:
    return table(records)[name].to_list()


def test_a_row_is_a_preset_and_a_length() -> None:
    found = table(experiment())
    expected = [["full (changed)", 12, 5], ["full", 25, 5], ["full (changed)", 50, 5], ["paper", 200, 5]]
    assert found[["preset", "epochs", "seeds"]].to_numpy().tolist() == expected
    assert found["recipe"].to_list() == ["adamw, cosine, batch 128"] * 3 + ["adam, exponential, batch 100"]


def test_gains_are_paired_and_the_shortest_converged_length_is_marked() -> None:
    found = table(experiment())
    assert found["double_epochs"].to_list()[:2] == [25, 50]
    assert found["gain"].to_list()[:2] == pytest.approx([2, 0.2])
    assert found["gain_error"].to_list()[:2] == pytest.approx([0, 0.2], abs=1e-9)
    assert found["converged"].to_list() == ["no", "yes", "unknown", "unknown"]
    assert found["shortest"].to_list() == [False, True, False, False]
    assert found["why"].to_list() == ["", "", "no double length", "no double length"]


def test_only_the_shortest_of_several_converged_lengths_is_marked() -> None:
    records = [run for epochs in (10, 20, 40, 80) for run in make_trainings("full", epochs, FULL)]
    found = table(records)
    assert found["converged"].to_list() == ["yes", "yes", "yes", "unknown"]
    assert found["shortest"].to_list() == [True, False, False, False]


def test_scores_samples_and_seconds_are_those_of_the_runs() -> None:
    row = rows(experiment())[1]
    expected = mean_interval([0.80, 0.81, 0.82, 0.83, 0.85])
    assert [row["score"], row["score_low"], row["score_high"]] == [expected.mean, expected.low, expected.high]
    assert row["scores_by_seed"] == (0.80, 0.81, 0.82, 0.83, 0.85)
    assert (row["validation"], row["validation_error"]) == (pytest.approx(0.84), pytest.approx(0.0070711, rel=1e-4))
    assert (row["training_samples"], row["wall_s"]) == (250_000, 100)


def test_scores_of_other_presets_are_compared_with_the_papers_by_seed() -> None:
    found = table(experiment())
    assert found["against"].to_list() == ["paper, 200 epochs"] * 3 + [""]
    difference = mean_interval([-0.01, 0, -0.01, 0, -0.01])
    row = found.iloc[1]
    bounds = [row["difference"], row["difference_low"], row["difference_high"]]
    assert bounds == pytest.approx([difference.mean, difference.low, difference.high])
    assert math.isnan(found["difference"].iloc[3])


def test_only_common_seeds_are_compared() -> None:
    records = [
        *make_trainings("full", 25, FULL, (0.8,) * 5),
        *(make_training("full", 50, seed, 0.9) for seed in (2, 3, 9)),
        *(make_training("paper", 200, seed, 0.9, 0.75) for seed in (4, 9)),
    ]
    first, second, _ = rows(records)
    assert (first["pairs"], first["gain"]) == (2, pytest.approx(5.5))
    assert (first["converged"], first["why"]) == ("unknown", "2 paired seeds of 5")
    assert first["difference"] == pytest.approx(0.05)
    assert second["difference"] == pytest.approx(0.15)


def test_four_seeds_decide_nothing() -> None:
    records = [run for epochs in (25, 50) for run in make_trainings("full", epochs, FULL[:4])]
    first, second = rows(records)
    assert (first["converged"], first["why"]) == ("unknown", "4 paired seeds of 5")
    assert not first["shortest"]
    assert second["why"] == "no double length"


def test_the_papers_training_is_that_of_the_unchanged_preset_or_else_the_longest() -> None:
    full = make_trainings("full", 25, FULL)
    changed = [*make_trainings("paper (changed)", 150, FULL), *make_trainings("paper (changed)", 300, FULL)]
    own = make_trainings("paper", 200, FULL)
    assert rows([*full, *changed])[0]["against"] == "paper (changed), 300 epochs"
    assert rows([*full, *changed, *own])[0]["against"] == "paper, 200 epochs"


def test_another_network_is_compared_with_nothing() -> None:
    wide = {**NETWORK, "width": 2}
    records = [
        *make_trainings("full", 25, FULL),
        *make_trainings("full", 50, FULL),
        *make_trainings("full", 12, FULL, network=wide),
        *make_trainings("paper", 200, FULL, network=wide),
    ]
    found = table(records)
    by_epochs = {row["epochs"]: row for row in found.to_dict("records")}
    assert by_epochs[12]["why"] == "no double length"
    assert by_epochs[12]["against"] == "paper, 200 epochs"
    assert by_epochs[25]["against"] == ""


def test_a_length_of_another_recipe_is_no_double_and_the_names_differ() -> None:
    records = [
        *make_trainings("full", 25, FULL),
        *make_trainings("full (changed)", 50, FULL, recipe={"label_smoothing": 0.1}),
        *make_trainings("full (changed)", 50, FULL, recipe={"batch": 256}),
    ]
    found = table(records)
    assert set(found["why"]) == {"no double length"}
    names = found.sort_values(["epochs", "recipe"])["recipe"].to_list()
    assert names[2] == "adamw, cosine, batch 256"
    assert names[0] != names[1]
    assert all(name.startswith("adamw, cosine, batch 128 #") for name in names[:2])


def test_budgets_and_devices_of_one_training_are_one_run() -> None:
    again = [
        make_training("full", 25, 0, 0.82, id=f"again{i}", budget={"weights": budget}, device=device)
        for i, (budget, device) in enumerate([("25%", "gap8"), ("50%", "nucleo_l4r5zi")])
    ]
    assert column([*experiment(), *again], "seeds") == [5, 5, 5, 5]


def test_a_failed_run_does_not_hide_one_that_finished() -> None:
    failed = make_training("full", 25, 0, 0.1, id="0", status="failed", scores={}, error="killed")
    assert column([failed, *experiment()], "seeds") == [5, 5, 5, 5]
    assert rows([failed, *experiment()])[1]["gain"] == pytest.approx(0.2)


def test_a_length_whose_runs_all_failed_keeps_its_row() -> None:
    failed = [make_training("full", 100, s, 0.1, status="failed", scores={}, meter={}, error="killed") for s in (0, 1)]
    records = [*experiment(), *failed]
    row = next(row for row in rows(records) if row["epochs"] == 100)
    assert row["seeds"] == 0
    assert math.isnan(row["score"])
    before = next(row for row in rows(records) if row["epochs"] == 50)
    assert (before["converged"], before["why"]) == ("unknown", "0 paired seeds of 5")
    text = next(row for row in readable(records) if row["epochs"] == "100")
    assert [text[name] for name in ("validation \u00b1 s.e.", "training samples", "wall, s")] == [DASH] * 3
    assert text["by seed"] == " ".join([DASH] * 5)


@pytest.mark.parametrize("options", [{"length": "equal"}, {"cost_limit": 3.0}])
def test_trainings_that_are_not_as_long_as_the_recipe_are_left_out(options: dict[str, Any]) -> None:
    assert table([run for e in (25, 50) for run in make_trainings("full", e, FULL, options=options)]).empty


def test_other_experiments_have_no_such_table() -> None:
    assert table(make_records()).empty
    assert table(make_trainings("full", 25, FULL)).empty, "a single length compares with nothing"
    assert table([make_record(method="hand_tuned"), make_failure(method="hand_tuned")]).empty


ERRORS = (-10.0, -8.0, -9.0, -10.0, -8.0)


def test_anomaly_detection_is_judged_by_the_fall_of_its_error_in_percent() -> None:
    lengths = {6: 1.0, 12: 0.98, 24: 0.975}
    records = [
        run
        for epochs, share in lengths.items()
        for run in make_trainings("full", epochs, [share * e for e in ERRORS], benchmark="anomaly_detection")
    ]
    found = table(records)
    assert found["gain"].to_list()[:2] == pytest.approx([2, 100 * (1 - 0.975 / 0.98)])
    assert found["converged"].to_list() == ["no", "yes", "unknown"]
    first, second, _ = readable(records)
    assert first["validation \u00b1 s.e."] == "error 9 \u00b1 0.45"
    assert first["gain by doubling [95%], points or % of the error"] == "+2.00 %"
    assert first["s.e. of gain"] == "0.00 %"
    assert second["converged"] == "yes, shortest"


def test_table_reads_well() -> None:
    text = readable(experiment())
    assert text[1] == {
        "preset": "full",
        "epochs": "25",
        "recipe": "adamw, cosine, batch 128",
        "seeds": "5",
        "validation \u00b1 s.e.": "0.8400 \u00b1 0.0071",
        "gain by doubling [95%], points": "+0.20 [-0.36, +0.76]",
        "s.e. of gain": "0.20",
        "converged": "yes, shortest",
        "float test accuracy [95%]": "0.822 [0.798, 0.846]",
        "by seed": "0.800 0.810 0.820 0.830 0.850",
        "minus the paper's [95%], points": "-0.60 [-1.28, +0.08]",
        "training samples": "250 k",
        "wall, s": "100",
    }
    assert [row["converged"] for row in text[2:]] == ["unknown (no double length)"] * 2
    assert [text[3][name] for name in ("s.e. of gain", "minus the paper's [95%], points")] == [DASH, DASH]


def test_without_the_papers_training_there_is_no_column_of_it() -> None:
    records = [run for run in experiment() if run.preset != "paper"]
    assert not any("paper" in heading for heading in format_convergence_table(table(records)))


def test_a_seed_that_is_missing_at_a_length_is_a_dash_in_its_place() -> None:
    records = [run for run in experiment() if not (run.seed == 1 and run.preset == "full")]
    assert readable(records)[1]["by seed"] == f"0.800 {DASH} 0.820 0.830 0.850"


def test_a_single_seed_has_no_error() -> None:
    records = [run for run in experiment() if run.seed == 0]
    assert readable(records)[1]["validation \u00b1 s.e."] == "0.8200"
    assert readable(records)[0]["converged"] == "unknown (1 paired seed of 5)"


def test_benchmarks_have_rows_of_their_own() -> None:
    other = [run for epochs in (6, 12) for run in make_trainings("full", epochs, ERRORS, benchmark="anomaly_detection")]
    records = [*other, *experiment()]
    text = readable(records)
    assert [row["benchmark"] for row in text] == ["anomaly_detection"] * 2 + ["keyword_spotting"] * 4
    assert text[0]["minus the paper's [95%], points"] == DASH, "the paper's is of another benchmark"
    assert "float test score [95%]" in text[0]


def test_order_of_records_does_not_matter() -> None:
    assert table(experiment()).equals(table(experiment()[::-1]))


def test_development_presets_are_called_so() -> None:
    full, short = table(experiment()), table([*experiment(), *make_trainings("short", 16, FULL)])
    assert not any("Development" in note for note in table_notes("convergence", full))
    assert table_notes("convergence", short)[0].startswith("Development: trainings at preset short")


def test_report_has_the_table_in_every_format(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    for record in experiment():
        store.write(record)
    assert "convergence" in build_tables(report_frame(store.records()), store)
    Report.load(store).write(["csv", "md", "tex", "png", "html"])
    folder = store.folder / "report"
    assert {path.name for path in (folder / "tables").glob("convergence.*")} == {
        f"convergence.{suffix}" for suffix in ("csv", "md", "tex")
    }
    assert (folder / "figures" / "convergence.png").is_file()
    page = (folder / "index.html").read_text()
    assert "Length of training" in page
    assert "yes, shortest" in page
    assert to_latex(format_convergence_table(table(experiment()))).isascii()
