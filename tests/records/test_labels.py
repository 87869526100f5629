"""Labels are for people: what they say, and that different variants read differently."""

from suite.records.labels import method_label, option_text, run_label


def test_a_default_method_is_called_by_its_name() -> None:
    assert method_label("duccio", {}) == "duccio"


def test_a_variant_names_its_options() -> None:
    label = method_label("duccio", {"projection": "none", "penalty.shape": "abs"})
    assert label == "duccio (projection=none, penalty.shape=abs)"


def test_different_variants_read_differently() -> None:
    assert method_label("m", {"a.lr": 1}) != method_label("m", {"b.lr": 1})


def test_values_read_as_in_yaml() -> None:
    assert [option_text(v) for v in (None, True, 0.5, 1e-7, [1, 2.5], "x")] == [
        "null", "true", "0.5", "1e-07", "1/2.5", "x"
    ]  # fmt: skip


def test_a_run_is_named_on_one_line() -> None:
    label = run_label("digits", "duccio", {"projection": "none"}, "weights 25%", 3)
    assert label == "digits | duccio (projection=none) | weights 25% | seed 3"
