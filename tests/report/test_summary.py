import math

import pandas as pd
import pytest
from synthetic import make_record

from suite.records.record import RunRecord
from suite.report.grouping import report_frame
from suite.report.statistics.intervals import stratified_interval
from suite.report.tables.summary import format_summary_table, summary_table

CHANCE = {"digits": 0.1, "keyword_spotting": 0.2}


def run(benchmark: str, method: str, score: float, seed: int = 0, **keys: object) -> RunRecord:
    return make_record(benchmark=benchmark, method=method, seed=seed, scores={"test": score}, **keys)  # type: ignore[arg-type]


def summary(*records: RunRecord) -> pd.DataFrame:
    df = report_frame(records)
    return summary_table(df.assign(chance=df["benchmark"].map(CHANCE)))


def by_label(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the methods' labels as its index."""
    return table.set_index(table["method"].map(str))


def test_scores_are_normalised_between_chance_and_the_reference_network() -> None:
    records = [run(b, "hand_tuned", s) for b, s in (("digits", 0.9), ("keyword_spotting", 0.6))]
    records += [run("digits", "duccio", s, i) for i, s in enumerate((0.9, 0.5))]
    records += [run("keyword_spotting", "duccio", s, i) for i, s in enumerate((0.4, 0.8))]
    table = by_label(summary(*records))
    expected = stratified_interval([[1.0, 0.5], [0.5, 1.5]])
    row = table.loc["duccio"]
    assert [row["score"], row["score_low"], row["score_high"]] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert (row["reference"], row["runs"], row["benchmarks"]) == ("hand_tuned", 4, "digits, keyword_spotting")
    assert table.loc["hand_tuned", "score"] == 1


def test_without_a_reference_network_everywhere_the_reference_is_a_perfect_score() -> None:
    records = [run("digits", "hand_tuned", 0.9), run("digits", "duccio", 0.55), run("keyword_spotting", "duccio", 0.6)]
    row = by_label(summary(*records)).loc["duccio"]
    assert (row["reference"], row["score"]) == ("1", pytest.approx(0.5))


def test_a_method_that_misses_a_benchmark_says_so() -> None:
    records = [run(b, "duccio", 0.8) for b in CHANCE] + [run("digits", "nsga2", 0.9)]
    table = format_summary_table(summary(*records)).set_index("method")
    assert table["benchmarks"].to_dict() == {"duccio": "2 of 2", "nsga2": "1 of 2"}


def test_share_that_fits_is_over_all_benchmarks() -> None:
    row = summary(*(run(b, "duccio", 0.8, feasible=b == "digits") for b in CHANCE)).iloc[0]
    assert row["fits"] == "1/2"


def test_one_benchmark_or_unknown_chance_scores_make_no_summary() -> None:
    assert summary(run("digits", "duccio", 0.8), run("digits", "nsga2", 0.8)).empty
    unknown = report_frame([run(b, "duccio", 0.8) for b in CHANCE]).assign(chance=math.nan)
    assert summary_table(unknown).empty


def test_order_is_that_of_names_where_no_score_can_be_normalised() -> None:
    names = ["d", "a", "c", "hand_tuned", "b"]
    table = summary(*(run(b, name, 0.05) for b in CHANCE for name in names))
    assert table["score"].isna().all()
    assert list(by_label(table).index) == sorted(names)


def test_the_reference_network_is_as_good_as_its_best_training() -> None:
    lengths = {"standard": 0.8, "equal": 0.9}
    records = [run(b, "hand_tuned", score, variant={"length": x}) for b in CHANCE for x, score in lengths.items()]
    table = by_label(summary(*records, *(run(b, "duccio", 0.9) for b in CHANCE)))
    assert table.loc["duccio", "score"] == pytest.approx(1)
