"""The sentences of findings: the best of the methods that fit, its lead over the next, nothing claimed."""

from collections.abc import Mapping

from synthetic import make_record

from suite.records.record import RunRecord
from suite.report.grouping import report_frame
from suite.report.tables.findings import find

BUDGET = {"weights": "25%"}


def runs(
    scores: Mapping[str, tuple[float, ...]], misses: tuple[str, ...] = (), benchmark: str = "digits"
) -> list[RunRecord]:
    return [
        make_record(
            method=method,
            seed=seed,
            benchmark=benchmark,
            budget=BUDGET,
            scores={"test": score},
            feasible=not (method in misses and seed == 0),
        )
        for method, by_seed in scores.items()
        for seed, score in enumerate(by_seed)
    ]


def findings(records: list[RunRecord]) -> list[str]:
    return find(report_frame(records))


STEADY = {"duccio": (0.90, 0.91, 0.92, 0.93, 0.94), "taper": (0.88, 0.90, 0.90, 0.92, 0.92)}


def test_the_best_is_ahead_where_the_interval_is_above_zero() -> None:
    assert findings(runs(STEADY)) == [
        "weights 25%: duccio 0.920 scores best of 2 methods that fit in every run, "
        "ahead of taper by +1.60 points [+0.92, +2.28], 5 seeds."
    ]


def test_it_is_not_told_apart_where_the_interval_holds_zero() -> None:
    noisy = {"duccio": (0.90, 0.99, 0.92), "taper": (0.93, 0.90, 0.90)}
    (sentence,) = findings(runs(noisy))
    assert (
        "duccio 0.937 scores best of 2 methods that fit in every run, not told apart from taper (+2.67 points ["
        in sentence
    )
    assert sentence.endswith("], 3 seeds, too few for a claim).")


def test_a_method_that_misses_once_is_not_ranked() -> None:
    (sentence,) = findings(runs(STEADY, misses=("duccio",)))
    assert sentence == "weights 25%: taper 0.904 is the only method that fits in every run."
    assert findings(runs(STEADY, misses=("duccio", "taper"))) == ["weights 25%: no method fits in every run."]


def test_the_reference_network_that_does_not_fit_is_compared_with() -> None:
    scores = {"duccio": STEADY["duccio"], "hand_tuned": (0.89, 0.92, 0.91, 0.94, 0.93)}
    (sentence,) = findings(runs(scores, misses=("hand_tuned",)))
    assert sentence == (
        "weights 25%: duccio 0.920 is the only method that fits in every run; "
        "against the reference network, which does not fit, +0.20 points [-1.16, +1.56], 5 seeds."
    )


def test_equal_scores_and_single_seeds() -> None:
    assert "every run, as does taper." in findings(runs({"duccio": (0.9, 0.9), "taper": (0.9, 0.9)}))[0]
    (sentence,) = findings(runs({"duccio": (0.91,), "taper": (0.90,)}))
    assert "ahead of taper by +1.00 points, 1 seed, too few for a claim." in sentence


def test_several_settings_are_named_and_runs_without_a_limit_left_out() -> None:
    records = [*runs(STEADY), *runs(STEADY, benchmark="keyword_spotting")]
    records.append(make_record(method="duccio", budget={}, seed=0))
    first, second = findings(records)
    assert first.startswith("digits, paper, nucleo_l4r5zi, weights 25%: ")
    assert second.startswith("keyword_spotting, paper, nucleo_l4r5zi, weights 25%: ")
