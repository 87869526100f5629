"""Memory plan and operators as architecture.json holds them."""

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_record
from synthetic_files import ARCHITECTURE, NETWORK_NODES

from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.page import run_data
from suite.report.page.run_data import collect_run_data, describe_network


def _describe(architecture: dict[str, Any]) -> dict[str, Any]:
    return describe_network(json.dumps(architecture).encode(), make_record())


def test_nodes_are_read_and_the_peak_is_the_highest_end() -> None:
    network = _describe(NETWORK_NODES)["network"]
    assert network["peak"] == 512
    assert [operator["name"] for operator in network["operators"]] == ["input", "stem", "pool", "fc"]
    assert [buffer["layer"] for buffer in network["buffers"]] == ["input", "stem", "pool", "fc"]
    assert [operator["name"] for operator in network["operators"] if "reference" in operator] == ["stem", "fc"]
    assert _describe(ARCHITECTURE) == {}


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
def test_torn_nodes_do_not_cost_the_page(nodes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="memory"):
        _describe(NETWORK_NODES | nodes)
    store, record = Store(tmp_path, "example"), make_record()
    store.write(record, encode_run_files(architecture=ARCHITECTURE | NETWORK_NODES | nodes))
    detail = collect_run_data([record], report_frame([record]), store)["details"]["0"]
    assert detail["layers"]
    assert "architecture.json cannot be read: memory" in detail["trouble"]


def test_reports_read_networks_without_torch() -> None:
    assert "torch" not in vars(run_data)
    assert "suite.hardware" not in Path(str(run_data.__file__)).read_text()
