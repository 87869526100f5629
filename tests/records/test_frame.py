import dataclasses
import hashlib
import json
import math

import pytest
from synthetic import BUDGETS, REFERENCE_COSTS, board, make_failure, make_record, make_records, with_recipe
from synthetic_files import deployed

from suite.records.frame import by_metric, frame
from suite.records.record import RecordError, RunRecord


def charged(run: str, artefact: str, *, shared: float, own: float, status: str = "done") -> RunRecord:
    """A run that was charged `shared` MACs of an artefact and `own` MACs; a standard training is 100 MACs."""
    total = shared + own
    phases = {"warmup": shared, "search": own, "finetune": 0.0, "evaluation": 0.0}
    meter = {
        "standard_macs": 100.0,
        "standard_trainings": {"total": total / 100, **{name: macs / 100 for name, macs in phases.items()}},
        "total": {"wall_s": 3.0, "cpu_s": 5.0, "networks": 2},
        "lost": {"macs": 7},
        "shared": {"warmup": {"artefact": artefact, "macs": shared}},
    }
    return make_record(id=run, meter=meter, status=status)


def test_every_record_is_one_row_whatever_became_of_it() -> None:
    records = [*make_records(), make_failure(seed=9), make_record(seed=8, status="interrupted")]
    assert sorted(frame(records)["id"]) == sorted(r.id for r in records)


def test_row_order_does_not_depend_on_the_order_of_the_records() -> None:
    records = make_records()
    assert frame(records).equals(frame(records[::-1]))


def test_relative_cost_is_cost_over_seed_cost() -> None:
    row = frame([make_record(costs={**REFERENCE_COSTS, "weights": REFERENCE_COSTS["weights"] / 4})]).iloc[0]
    assert row["relative/weights"] == 0.25
    assert row["relative/macs"] == 1.0
    assert row["unit/latency"] == "s"


def test_targets_and_violations_have_columns_for_budgeted_metrics_only() -> None:
    df = frame([make_record(budget=BUDGETS[0]), make_record(budget=BUDGETS[1])])
    assert by_metric(df, "target") == ["weights", "ram", "latency"]
    assert by_metric(df[df["budget"] == "weights 25% + latency 50%"], "violation") == ["weights", "latency"]


def test_largest_violations_are_over_constraints() -> None:
    record = make_record(
        violations={"weights": 0.0, "latency": 0.3}, search_violations={"weights": 0.5, "latency": 0.1}
    )
    row = frame([record]).iloc[0]
    assert (row["max_violation"], row["max_search_violation"]) == (0.3, 0.5)


def test_method_without_a_search_epoch_has_no_search_violation() -> None:
    assert math.isnan(frame([make_record(search_violations=None)]).iloc[0]["max_search_violation"])


def test_further_test_scores_have_a_column_each() -> None:
    records = [make_record(scores={"test": 0.8, "test/pauc": 0.7}), make_record(seed=1, scores={"test": 0.9})]
    df = frame(records)
    assert by_metric(df, "score") == ["pauc"]
    assert df["score/pauc"].to_list() == pytest.approx([0.7, math.nan], nan_ok=True)
    assert df["score"].to_list() == [0.8, 0.9]


def test_quality_target_and_chance_are_the_benchmarks() -> None:
    plain = make_record(seed=1)
    guessed = dataclasses.replace(plain, config={**plain.config, "benchmark": {"chance": 0.5}}, quality_target=0.9)
    df = frame([guessed, make_record(seed=2)])
    assert df["quality_target"].to_list() == pytest.approx([0.9, math.nan], nan_ok=True)
    assert df["chance"].to_list() == pytest.approx([0.5, math.nan], nan_ok=True)


def test_length_of_a_recipe_is_told_with_its_cuts() -> None:
    record = make_record()
    recipe = {"epochs": 8, "search_epochs": None, "finetune_epochs": 20, "train_samples": 10_000, "eval_samples": 500}
    row = frame([dataclasses.replace(record, config={**record.config, "recipe": recipe})]).iloc[0]
    assert row["length"] == "8 + 8 + 20 epochs, 10,000 training samples, 500 evaluation samples"
    assert frame([record]).iloc[0]["length"] == ""


def test_run_without_constraints_violates_nothing() -> None:
    assert frame([make_record(budget={})]).iloc[0]["max_violation"] == 0.0


def test_failed_run_has_its_error_and_no_numbers() -> None:
    row = frame([make_record(), make_failure("ValueError: no", seed=1)]).iloc[1]
    assert row["error"] == "ValueError: no"
    assert row[["score", "cost/weights", "max_violation", "trainings", "trainings_amortised"]].isna().all()
    assert row["reference/weights"] == REFERENCE_COSTS["weights"]


def test_int8_columns_are_those_of_the_deployment_and_nan_without_one() -> None:
    first, second = make_record(seed=0), make_record(seed=1)
    df = frame([first, second], {first.id: deployed(first.id)}).set_index("id")
    columns = ["int8/score", "int8/ram", "int8/arena", "int8/flash"]
    assert df.loc[first.id, columns].to_list() == [0.875, 1_696, 4_912, 61_672]
    assert df.loc[second.id, columns].isna().all()
    assert frame([first])[columns].isna().all(axis=None)


def test_board_columns_are_those_of_the_record() -> None:
    records = [
        make_record(seed=0, board=board()),
        make_record(seed=1, board=board(arena=70_000)),
        make_record(seed=2, board=board(ram=None, rom=None)),
        make_record(seed=3),
    ]
    df = frame(records)
    assert df["board_fits"].to_list() == [True, False, None, None]
    numbers = df[["board/arena", "board/ram_limit", "board/flash", "board/flash_limit"]]
    assert numbers.iloc[1].to_list() == [70_000, 65_536, 90_000, 131_072]
    assert numbers.iloc[2].to_list() == pytest.approx([60_000, math.nan, 90_000, math.nan], nan_ok=True)
    assert numbers.iloc[3].isna().all()


def test_what_is_known_of_the_board_alone_keeps_its_kind() -> None:
    assert frame([make_record(board=board())])["board_fits"].to_list() == [True]
    assert frame([make_record()])["board_fits"].to_list() == [None]


def test_reasons_of_an_extrapolation_are_one_text() -> None:
    records = [make_record(seed=0, extrapolated=("too few MACs", "unknown kind")), make_record(seed=1)]
    assert frame(records)["extrapolated"].to_list() == ["too few MACs; unknown kind", ""]


def test_an_older_record_without_board_and_extrapolation_is_read() -> None:
    raw = dataclasses.asdict(make_record())
    del raw["board"], raw["extrapolated"], raw["headline"]
    row = frame([RunRecord.from_json(json.dumps(raw))]).iloc[0]
    assert (row["board_fits"], row["extrapolated"]) == (None, "")
    assert row["verdict"] == "fits the budget; memory of the board unknown"


def test_amortised_trainings_share_an_artefact_among_the_finished_runs_that_used_it() -> None:
    records = [
        charged("a", "warm-0", shared=90, own=50),
        charged("b", "warm-0", shared=90, own=20),
        charged("c", "warm-0", shared=90, own=10),
        charged("d", "warm-1", shared=90, own=10),
        charged("e", "warm-0", shared=90, own=10, status="failed"),
    ]
    df = frame(records).set_index("id")
    assert df["trainings"].to_dict() == pytest.approx({"a": 1.4, "b": 1.1, "c": 1.0, "d": 1.0, "e": 1.0})
    expected = {"a": 0.3 + 0.5, "b": 0.3 + 0.2, "c": 0.3 + 0.1, "d": 0.9 + 0.1}
    assert df["trainings_amortised"][list(expected)].to_dict() == pytest.approx(expected)
    assert set(df["trainings_shared"]) == {0.9}


def test_phases_clocks_and_lost_work_are_those_of_the_meter() -> None:
    row = frame([charged("a", "warm-0", shared=90, own=50)]).iloc[0]
    assert (row["trainings/warmup"], row["trainings/search"]) == (0.9, 0.5)
    assert (row["wall_s"], row["cpu_s"], row["networks"], row["lost_macs"]) == (3.0, 5.0, 2, 7)


def test_epochs_are_passes_over_the_training_data_by_whatever_network() -> None:
    # The synthetic reference network trains on 1,000 examples for 12 epochs; this run trained on 12,000 samples.
    record = with_recipe(make_record())
    assert frame([record]).iloc[0]["epochs"] == pytest.approx(12)
    half = dataclasses.replace(record, reference_costs={**REFERENCE_COSTS, "macs": REFERENCE_COSTS["macs"] / 2})
    assert frame([half]).iloc[0]["epochs"] == pytest.approx(6)
    assert math.isnan(frame([make_record()]).iloc[0]["epochs"])
    assert math.isnan(frame([with_recipe(make_failure())]).iloc[0]["epochs"])


def test_what_the_headline_is_about_is_in_every_row() -> None:
    named = make_record(headline={"candidate": "duccio_projected", "budget": "weights 25%"})
    df = frame([named, make_record(seed=1), make_record(seed=2, headline={"candidate": "duccio"})])
    columns = ["headline/candidate", "headline/budget"]
    assert df[columns].to_numpy().tolist() == [["duccio_projected", "weights 25%"], ["", ""], ["duccio", ""]]


def test_a_headline_of_anything_but_text_is_no_record() -> None:
    raw = dataclasses.asdict(make_record()) | {"headline": {"candidate": 3}}
    with pytest.raises(RecordError, match=r"headline\.candidate"):
        RunRecord.from_json(json.dumps(raw))


def test_numerics_come_from_the_environment() -> None:
    row = frame([make_record()]).iloc[0]
    assert (row["threads"], row["dtype"]) == (2, "float32")


def test_the_method_is_its_name_and_the_variant_what_differs_from_its_default() -> None:
    options = {"penalty": {"shape": "abs", "strength": None}, "levels": [1, 2]}
    variant = {"penalty.shape": "abs", "penalty.strength": None, "levels": [1, 2], "compaction": False}
    row = frame([make_record(variant=variant, options=options)]).iloc[0]
    assert row["method"] == "duccio"
    assert row["variant"] == (
        ("penalty.shape", "abs"), ("penalty.strength", "null"), ("levels", "1/2"), ("compaction", "false")
    )  # fmt: skip
    assert json.loads(row["options"]) == options


def test_equally_configured_seeds_are_one_plain_variant() -> None:
    assert set(frame([make_record(seed=s) for s in range(3)])["variant"]) == {()}


def test_variants_of_a_method_are_told_by_what_differs_from_its_default_alone() -> None:
    plain = make_record()
    config = {**plain.config, "method": {**plain.config["method"], "projection": "refill"}}
    other = dataclasses.replace(plain, id="other", config=config, variant={"projection": "refill"})
    assert variants([plain, other]) == [(), (("projection", "refill"),)]


def variants(records: list[RunRecord]) -> list[tuple[tuple[str, str], ...]]:
    """The distinct variants of the records, sorted."""
    return sorted(set(frame(records)["variant"]))


@pytest.mark.parametrize(("seed", "names"), [(0, 2), (1, 1)])
def test_thread_counts_tell_runs_apart_only_where_a_seed_was_repeated(seed: int, names: int) -> None:
    plain = make_record(seed=0)
    again = make_record(seed=seed, id="again")
    again = dataclasses.replace(again, config={**again.config, "compute": {"dtype": "float32", "threads": 8}})
    assert len(variants([plain, again])) == names


def test_a_setting_that_only_some_runs_have_tells_them_apart() -> None:
    plain = make_record()
    method = {**plain.config["method"], "penalty": {"shape": "abs"}}
    other = dataclasses.replace(plain, id="other", config={**plain.config, "method": method})
    assert variants([plain, other]) == [(("method.penalty.shape", "abs"),), (("method.penalty.shape", "unset"),)]


def test_a_setting_that_is_a_node_in_one_run_and_null_in_another_tells_them_apart() -> None:
    records = []
    for i, choices in enumerate((None, {"icv": 0.5})):
        plain = make_record(id=f"run{i}")
        config = {**plain.config, "method": {**plain.config["method"], "choices": choices}}
        records.append(dataclasses.replace(plain, config=config))
    assert variants(records) == [
        (("method.choices", "null"), ("method.choices.icv", "unset")),
        (("method.choices", "unset"), ("method.choices.icv", "0.5")),
    ]


def configured(seed: int = 0, budget: dict[str, str] | None = None, **config: object) -> RunRecord:
    record = make_record(seed=seed, budget=budget)
    name = hashlib.sha256(repr((record.id, config)).encode()).hexdigest()[:16]
    return dataclasses.replace(record, id=name, config={**record.config, **config})


def test_targets_are_the_budgets_and_no_settings() -> None:
    records = [configured(0, {"macs": f"{share}%"}, targets={"macs": 10_000.0 * share}) for share in (25, 50)]
    assert variants(records) == [()]


def test_settings_are_told_apart_however_late_they_differ() -> None:
    told = variants([configured(0, recipe={"milestones": [50, 100, 150, 200, 250, last]}) for last in (300, 400)])
    assert len(told) == 2
    assert all(dict(variant)["recipe.milestones"].startswith("[50, 100, 150, 200, 250,") for variant in told)


def test_a_setting_that_is_called_like_a_seed_is_one() -> None:
    records = [configured(0, recipe={"split_seed": value}) for value in (1, 2)]
    assert variants(records) == [(("recipe.split_seed", "1"),), (("recipe.split_seed", "2"),)]


def test_settings_have_one_variant_at_all_budgets() -> None:
    narrow, wide = {"weights": "25%"}, {"weights": "50%"}
    records = [configured(0, narrow, projection="none"), configured(0, narrow, projection="refill")]
    table = frame([*records, configured(0, wide, projection="refill")])
    assert table.groupby("variant")["budget"].nunique().to_dict() == {
        (("projection", "none"),): 1,
        (("projection", "refill"),): 2,
    }
