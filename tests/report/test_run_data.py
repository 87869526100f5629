import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_many, make_record
from synthetic_files import ARCHITECTURE, short_history

from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.report.grouping import report_frame
from suite.report.page import run_data
from suite.report.page.run_data import (
    collect_run_data,
    describe_layers,
    embed_json,
    encode_column,
    marker_path,
    shared_options,
)


def data_with(tmp_path: Path, record: RunRecord, **files: Any) -> dict[str, Any]:
    store = Store(tmp_path, "example")
    store.write(record, encode_run_files(**files))
    return collect_run_data([record], report_frame([record]), store)


@pytest.mark.parametrize(
    ("values", "form"),
    [(["a", "a", "a"], {"all": "a"}), ([1, 2, 1, 2], {"of": [1, 2], "at": [0, 1, 0, 1]}), ([1, 2, 3], [1, 2, 3])],
)
def test_a_column_takes_its_shortest_form(values: list[Any], form: object) -> None:
    assert encode_column(values) == form


def test_a_marker_is_matplotlibs_upside_up() -> None:
    assert marker_path("s") == "M-5.00 5.00L5.00 5.00L5.00 -5.00L-5.00 -5.00Z"
    assert marker_path("^").startswith("M0.00 -5.00L")  # the tip is above: y grows downwards in SVG
    assert set("MCZ") <= set(marker_path("o")) <= set("MCZ-. 0123456789")


def test_options_that_all_runs_share_are_held_once() -> None:
    records = [make_record(seed=seed) for seed in (0, 1)]
    config = collect_run_data(records, report_frame(records), Store(Path("none"), "example"))["config"]
    assert shared_options(config)["benchmark.name"] == "digits"
    assert "seed" not in shared_options(config)
    assert config["seed"] == ["0", "1"]


def test_a_number_that_is_none_is_null_and_others_have_six_digits(tmp_path: Path) -> None:
    record = make_record(scores={"test": 0.123456789, "validation": float("nan")})
    columns = data_with(tmp_path, record)["columns"]
    assert columns["score"] == {"all": 0.123457}
    assert columns["validation_score"] == {"all": None}


def test_embedded_data_cannot_end_its_element() -> None:
    text = embed_json({"b": "</script><!-- &", "a": 1})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": 1, "b": "</script><!-- &"}
    assert text.index('"a"') < text.index('"b"')


def test_a_history_is_given_by_phase_without_what_was_not_measured(tmp_path: Path) -> None:
    record = make_record()
    table = short_history().assign(empty=float("nan"))
    found = data_with(tmp_path, record, history=table)["details"]["0"]["history"]
    assert found["spans"] == [["warmup", "warm-up", 2], ["search", "search", 1]]
    assert found["columns"] == {"loss": [2, 1.23457, 0.5], "score": [0.1, 0.2, None]}


def test_torn_files_of_a_run_are_named_and_hide_nothing_else(tmp_path: Path) -> None:
    record = make_record(candidates=({"name": "result", "validation": 0.5, "feasible": True, "costs": {}},))
    store = Store(tmp_path, "example")
    store.write(record, encode_run_files(history=short_history(), architecture=ARCHITECTURE))
    for name in ("history.parquet", "architecture.json"):
        path = store.run_folder(record.id) / name
        path.write_bytes(path.read_bytes()[:40])
    detail = collect_run_data([record], report_frame([record]), store)["details"]["0"]
    assert "history.parquet cannot be read" in detail["trouble"]
    assert "architecture.json cannot be read" in detail["trouble"]
    assert detail["candidates"][0]["name"] == "result"


def test_details_are_held_for_the_first_seeds_of_every_group(monkeypatch: pytest.MonkeyPatch) -> None:
    records = make_many(48)
    groups = len({(r.benchmark, r.budget, r.method) for r in records})
    monkeypatch.setattr(run_data, "MOST_DETAILED_RUNS", groups)
    data = collect_run_data(records, df := report_frame(records), Store(Path("none"), "example"))
    held = df.iloc[[int(place) for place in data["details"]]]
    assert data["detailed"] == groups
    assert len(held.groupby(["benchmark", "budget", "method"])) == groups
    assert set(held["seed"]) == {0}


def test_order_of_records_does_not_matter() -> None:
    records, store = make_many(30), Store(Path("none"), "example")
    assert embed_json(collect_run_data(records, report_frame(records), store)) == embed_json(
        collect_run_data(records[::-1], report_frame(records[::-1]), store)
    )


def test_a_layer_stands_beside_the_references_of_its_name_and_branches_beside_their_position() -> None:
    record = dataclasses.replace(make_record(), reference_widths={"stem": 16})
    described = describe_layers(json.dumps({**ARCHITECTURE, "choices": {"block": "identity"}}).encode(), record)
    assert described["choices"] == {"block": "identity"}
    references = {layer["name"]: layer["reference"] for layer in described["layers"]}
    assert references.pop("stem") == 16
    assert set(references.values()) == {None}
    assert "choices" not in describe_layers(json.dumps(ARCHITECTURE).encode(), record)
