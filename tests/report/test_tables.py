import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from synthetic import BUDGETS, make_failure, make_record, make_records, with_recipe
from synthetic_files import deployed

from suite.records.store import Store
from suite.report.grouping import MethodVariant, natural_key, report_frame
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.console import console_table
from suite.report.tables.contents import build_tables
from suite.report.tables.cost import cost_table, format_cost_table
from suite.report.tables.failures import failure_table, format_failure_table
from suite.report.tables.main import format_main_table, format_score_table, main_table, score_table
from suite.report.tables.markup import to_csv, to_latex, to_markdown
from suite.report.tables.notes import table_notes
from suite.report.tables.text import format_percent, format_points, format_quantity

NO_STORE = Store(Path("none"), "none")


@pytest.fixture(scope="module")
def df() -> pd.DataFrame:
    return report_frame(make_records())


def costs_of(df: pd.DataFrame) -> pd.DataFrame:
    return cost_table(df, main_table(df))


def other_scores_of(df: pd.DataFrame) -> pd.DataFrame:
    return score_table(df, main_table(df))


def test_seeds_are_averaged_and_counted() -> None:
    records = [make_record(seed=s, scores={"test": score}) for s, score in enumerate((0.80, 0.82, 0.90))]
    row = main_table(report_frame(records)).iloc[0]
    assert (row["seeds"], row["runs"], row["fits"]) == (3, 3, "3/3")
    expected = mean_interval([0.80, 0.82, 0.90])
    assert [row["score"], row["score_low"], row["score_high"]] == [expected.mean, expected.low, expected.high]


def test_costs_are_shares_of_the_reference_and_of_the_target() -> None:
    seed = make_record().reference_costs
    row = main_table(report_frame([make_record(costs={**seed, "weights": seed["weights"] / 5})])).iloc[0]
    assert row["reference_percent/weights"] == pytest.approx(20)
    assert row["target_percent/weights"] == pytest.approx(80)


@pytest.mark.parametrize("key", ["preset", "device", "benchmark"])
def test_different_presets_devices_and_benchmarks_never_share_a_row(key: str) -> None:
    table = main_table(report_frame([make_record(**{key: value}) for value in ("one", "two")]))  # type: ignore[arg-type]
    assert sorted(table[key]) == ["one", "two"]
    assert list(table["runs"]) == [1, 1]


def test_largest_violation_is_the_worst_seed() -> None:
    records = [
        make_record(
            seed=s,
            violations={"weights": v, "latency": 0.0},
            feasible=v == 0,
            search_violations={"weights": 2 * v},
        )
        for s, v in enumerate((0.0, 0.1))
    ]
    row = main_table(report_frame(records)).iloc[0]
    assert (row["max_violation"], row["max_search_violation"], row["fits"]) == (0.1, 0.2, "1/2")


def test_runs_that_fit_are_counted() -> None:
    table = main_table(report_frame([make_record(seed=s, feasible=s < 2) for s in range(3)]))
    assert format_main_table(table)["fits budget"].item() == "2/3"


def test_cost_of_a_run_is_told_in_macs_epochs_and_seconds() -> None:
    table = main_table(report_frame([with_recipe(make_record(seed=s)) for s in range(3)]))
    readable = format_main_table(table)
    assert [readable[name].item() for name in ("standard trainings", "epochs", "CPU, s")] == ["2.64", "12", "300"]
    assert format_cost_table(costs_of(report_frame([with_recipe(make_record())])))["epochs"].item() == "12"


def test_int8_score_stands_beside_the_float_score_with_its_interval() -> None:
    records = [make_record(seed=s) for s in range(3)]
    deployments = {r.id: deployed(r.id, score) for r, score in zip(records, (0.80, 0.82, 0.90), strict=True)}
    table = main_table(report_frame(records, deployments))
    assert [table[f"int8_{end}"].item() for end in ("score", "low", "high")] == pytest.approx(
        [0.84, 0.70855, 0.97145], abs=1e-5
    )
    readable = format_main_table(table)
    assert list(readable)[2:4] == ["float test accuracy [95%]", "int8 test accuracy [95%]"]
    assert readable["int8 test accuracy [95%]"].item() == "0.840 [0.709, 0.971]"


def test_int8_score_of_some_runs_says_of_how_many() -> None:
    records = [make_record(seed=s) for s in range(3)]
    df = report_frame(records, {records[0].id: deployed(records[0].id, 0.8)})
    assert format_main_table(main_table(df))["int8 test accuracy [95%]"].item() == "0.800 (1 of 3)"


def test_without_deployed_runs_there_is_no_int8_column(df: pd.DataFrame) -> None:
    assert not any("int8" in column for column in format_main_table(main_table(df)))
    assert all("float" in column for column in format_main_table(main_table(df)) if "accuracy" in column)


def test_quality_target_is_met_by_the_mean_score() -> None:
    met, missed, none = (
        main_table(
            report_frame([make_record(seed=s, scores={"test": v}, quality_target=t) for s, v in enumerate(scores)])
        )
        for t, scores in ((0.85, (0.80, 0.90)), (0.85, (0.80, 0.89)), (None, (0.80, 0.90)))
    )
    assert [t["meets_target"].item() for t in (met, missed, none)] == ["yes", "no", ""]
    assert format_main_table(missed)["mean at or above MLPerf's target"].to_list() == ["no (0.85)"]
    assert "mean at or above MLPerf's target" not in format_main_table(none)


def test_rows_of_benchmarks_without_a_target_have_a_dash_among_those_with_one() -> None:
    records = [make_record(benchmark="keyword_spotting", quality_target=0.9), make_record(), make_failure()]
    main = main_table(report_frame(records))
    assert set(format_main_table(main)["mean at or above MLPerf's target"]) == {"no (0.9)", "\u2013"}
    assert any("MLPerf Tiny's target" in note for note in table_notes("main", main))
    assert not any("MLPerf" in note for note in table_notes("main", main_table(report_frame([make_record()]))))


def test_other_test_scores_are_means_with_intervals_over_seeds() -> None:
    names = ("auc_machine_2", "auc_machine_10", "pauc")
    records = [
        make_record(seed=s, benchmark="anomaly_detection", scores={"test": v, **{f"test/{n}": v for n in names}})
        for s, v in enumerate((0.6, 0.7, 0.8))
    ]
    table = other_scores_of(report_frame([*records, make_record(), make_failure()]))
    assert [c for c in table.columns if c.startswith("score/")] == [f"score/{n}" for n in names]
    (row,) = table.to_dict("records")
    assert (row["benchmark"], row["runs"]) == ("anomaly_detection", 3)
    assert [row[f"{part}/pauc"] for part in ("score", "score_low", "score_high")] == pytest.approx(
        [0.7, 0.45159, 0.94841], abs=1e-5
    )
    readable = format_score_table(table)
    assert list(readable.columns)[-3:] == [
        f"float {name} [95%]" for name in ("AUC machine 2", "AUC machine 10", "pAUC")
    ]
    assert readable["float pAUC [95%]"].to_list() == ["0.700 [0.452, 0.948]"]


def test_presets_do_not_share_other_test_scores() -> None:
    records = [make_record(preset=p, scores={"test": 0.8, "test/pauc": v}) for p, v in (("paper", 0.9), ("short", 0.5))]
    table = other_scores_of(report_frame(records))
    assert dict(zip(table["preset"], table["score/pauc"], strict=True)) == {"paper": 0.9, "short": 0.5}


def test_no_other_test_scores_make_an_empty_table(df: pd.DataFrame) -> None:
    assert other_scores_of(df).empty
    assert other_scores_of(report_frame([make_failure()])).empty


def test_methods_that_fit_come_before_better_ones_that_do_not(df: pd.DataFrame) -> None:
    first = main_table(df).query("budget == 'weights 25% + latency 50%'")
    assert list(map(str, first["method"])) == [
        "duccio",
        "random_search",
        "width_scaling",
        "hand_tuned",
        "nsga2",
    ]


def test_numbers_in_budgets_sort_by_size() -> None:
    assert sorted(["weights 25%", "weights 5%", "weights 10kB"], key=natural_key)[0] == "weights 5%"


def test_failed_runs_never_vanish(df: pd.DataFrame) -> None:
    main, failures = main_table(df), failure_table(df)
    assert main["runs"].sum() + main["unfinished"].sum() == len(df)
    assert list(failures["method"]) == [MethodVariant("nsga2")]
    assert "the loss is not finite" in failures["error"].iloc[0]


def test_frame_of_failures_alone_makes_tables() -> None:
    df = report_frame([make_failure(seed=s) for s in range(2)])
    assert list(main_table(df)["unfinished"]) == [2]
    assert format_main_table(main_table(df))["fits budget"].tolist() == ["\u2013"]
    assert costs_of(df).empty
    assert len(failure_table(df)) == 2


def test_cost_table_splits_the_full_cost_by_phase(df: pd.DataFrame) -> None:
    table = costs_of(df)
    phases = table[[c for c in table.columns if c.startswith("trainings/")]].sum(axis=1)
    assert phases.to_list() == pytest.approx(table["trainings"].to_list())
    assert (table["trainings_amortised"] < table["trainings"]).all()


def test_cost_table_has_the_order_of_the_main_table(df: pd.DataFrame) -> None:
    finished = main_table(df).query("runs > 0")
    assert list(costs_of(df)["method"]) == list(finished["method"])


def test_csv_reads_back_to_the_same_numbers(df: pd.DataFrame) -> None:
    table = main_table(df)
    assert pd.read_csv(io.StringIO(to_csv(table)))["score"].to_list() == pytest.approx(
        table["score"].to_list(), nan_ok=True, rel=1e-15
    )


def test_markdown_has_a_line_per_row_and_equal_columns(df: pd.DataFrame) -> None:
    table = format_main_table(main_table(df))
    lines = to_markdown(table, "note").splitlines()
    assert lines[:2] == ["note", ""]
    assert len(lines) == 4 + len(table)
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_markdown_escapes_what_would_break_the_table() -> None:
    table = failure_table(report_frame([make_failure("a | b\n<script> *x*")]))
    row = to_markdown(format_failure_table(table)).splitlines()[-1]
    assert r"a \| b &lt;script&gt; \*x\*" in row


def test_latex_escapes_special_characters() -> None:
    table = failure_table(report_frame([make_failure(r"50 % & #1 $x_2^3$ {a} ~ \n <b>")]))
    latex = to_latex(format_failure_table(table), "50 %\nnote")
    assert r"50 \% \& \#1 \$x\_2\textasciicircum{}3\$ \{a\} \textasciitilde{}" in latex
    assert r"\textbackslash{}n \textless{}b\textgreater{}" in latex
    assert r"weights 25\% + latency 50\%" in latex
    assert latex.startswith("% 50 % note\n\\begin{tabular}")


def test_latex_is_a_booktabs_table_of_equal_rows(df: pd.DataFrame) -> None:
    table = format_cost_table(costs_of(df))
    lines = to_latex(table).splitlines()
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    body = [line for line in lines if line.endswith(r"\\")]
    assert len(body) == len(table) + 1
    assert {line.count(" & ") for line in body} == {len(table.columns) - 1}


def test_latex_aligns_numbers_to_the_right_and_words_to_the_left() -> None:
    columns = {
        "verdict": ["shown", "tabled, 3 seeds"],
        "score [95%]": ["0.840 [0.800, 0.900]", "\u2013"],
        "fits budget": ["3/3", "no budget"],
        "id": ["0739af", "1e2af0"],
        "p, Holm": ["<0.001", "0.035: different"],
        "size": ["18.9 kB", "1,234 B"],
    }
    assert r"\begin{tabular}{lrllrr}" in to_latex(pd.DataFrame(columns))


def test_columns_that_all_rows_share_are_left_out(df: pd.DataFrame) -> None:
    assert list(format_main_table(main_table(df)).columns[:2]) == ["budget", "method"]
    mixed = report_frame([make_record(preset="paper"), make_record(preset="smoke")])
    assert format_main_table(main_table(mixed))["preset"].to_list() == ["paper", "smoke"]


def test_latex_has_only_characters_that_pdflatex_knows() -> None:
    table = failure_table(report_frame([make_failure("caf\u00e9 \u2264 3\u00d7 \x1b[31m \u2192 \u65e5\u2026")]))
    latex = to_latex(format_failure_table(table))
    assert r"cafe $\leq$ 3$\times$  [31m ? ?\ldots{}" in latex
    assert latex.isascii()


def test_latex_row_that_starts_with_a_bracket_is_no_argument_of_the_line_above() -> None:
    latex = to_latex(pd.DataFrame({"source": ["[1]", "*"]}))
    assert latex.splitlines()[4:6] == [r"{}[1] \\", r"{}* \\"]


@pytest.mark.parametrize(
    ("difference", "text"), [(0.00365, "+0.36"), (-0.02, "-2.00"), (-0.00001, "+0.00"), (float("nan"), "\u2013")]
)
def test_differences_are_points_with_a_sign(difference: float, text: str) -> None:
    assert format_points(difference) == text


def test_every_table_is_there_with_its_text_and_its_note() -> None:
    budgets = [*BUDGETS, *({"weights": f"{share}%", "latency": "50%"} for share in (50, 75))]
    several = make_records(budgets=budgets, benchmarks=("digits", "keyword_spotting"))
    found = build_tables(
        report_frame([*several, make_record(variant={"penalty.shape": "abs"})]).assign(chance=0.1), NO_STORE
    )
    expected = "main ablation pairs pooled noninferiority hypervolume cost failures"
    assert list(found) == expected.split()
    for name, (raw, readable) in found.items():
        assert len(raw) >= len(readable) > 0
        assert table_notes(name, raw) or name == "failures"


def test_empty_tables_are_left_out_but_for_the_first_and_the_costs() -> None:
    assert list(build_tables(report_frame([make_failure()]), NO_STORE)) == ["main", "cost", "failures"]
    assert list(build_tables(report_frame([make_record()]).assign(chance=float("nan")), NO_STORE)) == ["main", "cost"]


def test_tables_do_not_depend_on_the_order_of_records() -> None:
    records = make_records(benchmarks=("digits", "keyword_spotting"))
    one, other = (build_tables(report_frame(r).assign(chance=0.1), NO_STORE) for r in (records, records[::-1]))
    assert [to_csv(raw) for raw, _ in one.values()] == [to_csv(raw) for raw, _ in other.values()]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (19353.6, "B", "18.9 kB"),
        (77360, "B", "75.5 kB"),
        (12_501_632, "MAC", "12.5 MMAC"),
        (766_624, "cycles", "767 kcycles"),
        (0.0055, "s", "5.5 ms"),
        (2.1e-5, "J", "21 uJ"),
        (float("nan"), "B", "\u2013"),
    ],
)
def test_quantities_read_well(value: float, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


def test_small_violation_never_reads_as_none() -> None:
    assert [format_percent(v) for v in (0.0, 0.001, 12.34, 100.04)] == ["0", "<0.1", "12.3", "100"]


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("benchmarks", [("digits",), ("digits", "visual_wake_words")])
def test_console_table_fits_80_columns_and_cuts_nothing(benchmarks: tuple[str, ...], width: int) -> None:
    methods = ("duccio", "duccio_layerwise", "width_scaling", "prune_to_budget", "unconstrained_dnas")
    changed = [make_record(method=m, variant={"projection": "refill", "lambda": "2"}) for m in methods]
    full = make_record(budget={"weights_full": "25%", "latency": "50%"})
    records = [*make_records(benchmarks=benchmarks), *changed, make_record(budget={}), full]
    records = [replace(r, extrapolated=("too few MACs",)) if r.method == "duccio" else r for r in records]
    df = report_frame(records, {r.id: deployed(r.id) for r in records})
    main = main_table(df)
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(console_table(df, main))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "\u2026" not in text
    words = text.split()
    for word in ("(projection=refill,", "weights_full", "latency", "failed", "trainings", "float", "3/3", *methods):
        assert word in words, word
    for row in main[main["runs"] > 0].to_dict("records"):
        numbers = [f"{row['score']:.3f}", f"{row['trainings']:.2f}", str(row["fits"])]
        if row["seeds"] > 1:
            numbers.append(f"[{row['score_low']:.3f}, {row['score_high']:.3f}]")
        for number in numbers:
            assert number in text
