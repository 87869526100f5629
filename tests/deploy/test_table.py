"""The recorded table of int8 networks: its predictions are those of the code, and they hold."""

import pandas as pd
from checkout import RESULTS
from interpreter_table import TABLE, predict, summary
from sampled_networks import BENCHMARKS, sample_networks

FOLDER = RESULTS / "deploy"


def test_recorded_predictions_are_the_codes() -> None:
    rows = pd.read_csv(FOLDER / TABLE).to_dict("records")
    for row, sampled in zip(rows, sample_networks(2 * len(BENCHMARKS)), strict=False):
        assert (row["benchmark"], row["space"], row["budget"]) == (sampled.benchmark, sampled.space, sampled.budget)
        assert {key: row[key] for key in ("ram", "flash", "tail")} == predict(sampled)


def test_predictions_hold_for_every_recorded_network() -> None:
    table = pd.read_csv(FOLDER / TABLE)
    assert len(table) >= 60
    assert table["ram"].tolist() == table["ram_interpreter"].tolist()
    assert (table["flash"] / table["flash_file"]).between(1, 1.02).all()
    assert (table["tail"] / table["tail_interpreter"]).between(1, 1.15).all()
    assert table["largest_difference"].max() <= 1


def test_the_summary_is_the_tables() -> None:
    assert (FOLDER / "networks.md").read_text() == summary(pd.read_csv(FOLDER / TABLE))


def test_trained_networks_lose_little_as_int8() -> None:
    """What results/deploy/README.md says: within 1.5 points but for one, which gains."""
    table = pd.read_csv(FOLDER / "report" / "tables" / "main.csv")
    points = 100 * (table["int8_score"] - table["score"])
    assert len(points) == 10
    outside = table[points.abs() > 1.5]
    assert outside[["benchmark", "method"]].to_numpy().tolist() == [["visual_wake_words", "duccio"]]
    assert points[outside.index].round(1).tolist() == [2.5]
