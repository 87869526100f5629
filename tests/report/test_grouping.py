"""Methods and variants as values: what tables are grouped by and figures coloured by."""

from synthetic import make_record

from suite.report.grouping import MethodVariant, report_frame
from suite.report.tables.main import main_table

DEFAULT = MethodVariant("duccio")


def variant(**options: str) -> MethodVariant:
    return MethodVariant("duccio", tuple(options.items()))


def test_a_methods_default_comes_before_its_variants_and_numbers_are_in_order() -> None:
    expected = [DEFAULT, variant(strength="2"), variant(strength="10"), MethodVariant("nsga2")]
    assert sorted([*expected[2:], *expected[:2]]) == expected


def test_the_frame_has_one_value_for_method_and_variant() -> None:
    df = report_frame([make_record(), make_record(variant={"guarantee": "off"}), make_record(seed=1)])
    assert list(df["method"]) == [DEFAULT, DEFAULT, variant(guarantee="off")]
    assert "variant" not in df
    assert [str(method) for method in df["method"].unique()] == ["duccio", "duccio (guarantee=off)"]


def test_variants_are_never_averaged() -> None:
    records = [make_record(variant={key: "x"}, scores={"test": v}) for key, v in (("a.mode", 0.5), ("b.mode", 0.9))]
    table = main_table(report_frame(records))
    assert list(map(str, table["method"])) == ["duccio (b.mode=x)", "duccio (a.mode=x)"]
    assert sorted(table["score"]) == [0.5, 0.9]


def test_a_method_whose_name_looks_like_a_label_is_no_variant() -> None:
    df = report_frame([make_record(), make_record(method="duccio (guarantee=off)")])
    assert {method.method for method in df["method"]} == {"duccio", "duccio (guarantee=off)"}
