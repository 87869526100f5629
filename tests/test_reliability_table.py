"""The recorded campaign of kills: enough of them, over all that matters, without a trace in the results."""

import pandas as pd
import pytest
from checkout import RESULTS

TABLES = sorted((RESULTS / "reliability").glob("*.csv"))


def test_there_is_a_table() -> None:
    assert TABLES


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_two_hundred_kills_changed_nothing(path: object) -> None:
    table = pd.read_csv(path)
    assert table["kills"].sum() >= 200
    assert {"duccio_projected", "nsga2", "report"} <= set(table["killed"])
    assert (table[["different", "lost", "doubled", "set_aside"]] == 0).all(axis=None)
    assert table[["command", "moments_seed", "processor", "commit"]].notna().all(axis=None)


def test_killed_workers_and_deployments_are_recorded() -> None:
    """Deployments and Ray apart: they are killed in the environments that have the converter, or Ray."""
    apart = [path for name in ("deploy", "ray") for path in (RESULTS / "reliability" / name).glob("*.csv")]
    table = pd.concat([pd.read_csv(path) for path in [*TABLES, *apart]])
    for killed, kills in {"workers of joblib": 2, "workers of ray": 2, "deploy": 20}.items():
        assert table.loc[table["killed"] == killed, "kills"].sum() >= kills
    assert (table[["different", "lost", "doubled", "set_aside"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    "path", sorted((RESULTS / "reliability" / "fuzzing").glob("*.csv")), ids=lambda path: path.stem
)
def test_ten_minutes_of_odd_inputs_left_no_finding(path: object) -> None:
    table = pd.read_csv(path)
    assert table["seconds"].sum() >= 600
    assert {"record", "pack", "archive", "config_file", "network", "study"} <= set(table["target"])
    assert (table["findings"] == 0).all()
    assert (table["examples"] > 0).all()
    assert table[["first_seed", "processor", "commit"]].notna().all(axis=None)
