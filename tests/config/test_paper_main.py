"""`+experiment=paper_main`: the targets of the paper's scripts, the same numbers for every seed.

Source: eml-eda/multi-constraint-nas 915520f, source_scripts/Run_paper_results_only_size.sh (bytes) and
Run_paper_results_size_latency.sh (bytes and MACs), the arrays `_size_target` and `_latency_target` of PIT.
"""

import pytest
import yaml
from no_data import plan_without_data

from suite.cli import main as cli
from suite.config.plan import make_plan
from suite.config.sweep import expand, parts

TARGETS: dict[str, dict[float, list[float]]] = {
    "image_classification": {
        1.93e4: [1.30e6, 2.61e6, 3.91e6],
        3.87e4: [2.02e6, 4.03e6, 6.05e6],
        5.8e4: [2.29e6, 4.59e6, 6.88e6],
    },
    "keyword_spotting": {
        5.50e3: [1.65e5, 3.29e5, 4.94e5],
        1.1e4: [2.40e5, 4.80e5, 7.20e5],
        1.65e4: [2.57e5, 5.13e5, 7.70e5],
    },
    "visual_wake_words": {
        1.30e4: [6.98e5, 1.40e6, 2.09e6],
        2.7e4: [8.56e5, 1.71e6, 2.57e6],
        5.3e4: [8.97e5, 1.79e6, 2.69e6],
        1.07e5: [8.85e5, 1.77e6, 2.65e6],
    },
    "anomaly_detection": {0.33e5: [], 0.67e5: [], 1.34e5: [], 2.01e5: []},
    "tiny_imagenet": {2.82e6: [], 5.64e6: [], 8.46e6: []},
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_budget_is_the_scripts_and_within_reach(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_without_data(monkeypatch)
    jobs = expand([f"+experiment=paper_main/{name}", "method=duccio", "seed=0", "compute=cpu"]) or []
    plans = [make_plan(job) for job in jobs]  # refuses a budget that no network of the space meets
    targets = [{metric: round(target) for metric, target in plan.budget.targets.items()} for plan in plans]
    expected = [
        budget
        for size, several in TARGETS[name].items()
        for budget in ({"weights": size}, *({"weights": size, "macs": macs} for macs in several))
    ]
    assert targets == expected
    assert {plan.benchmark.name for plan in plans} == {name}
    assert {plan.preset for plan in plans} == {"paper"}


def test_all_five_benchmarks_are_run() -> None:
    calls = parts(["+experiment=paper_main"])
    assert sorted(calls) == [[f"+experiment=paper_main/{benchmark}"] for benchmark in sorted(TARGETS)]


def test_the_printed_jobs_have_absolute_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "-m", "+experiment=paper_main/visual_wake_words", "seed=0", "--cfg", "job"]) == 0
    jobs = list(yaml.safe_load_all(capsys.readouterr().out))
    methods = [job["method"] for job in jobs]
    assert {(m["name"], m.get("projection"), m.get("penalty", {}).get("strength")) for m in methods} == {
        ("duccio", "none", "eq13"), ("duccio", "none", "scripts"), ("hand_tuned", None, None)
    }  # fmt: skip
    assert all("multiplier" not in m.get("penalty", {}) for m in methods)
    limits = {(job["budget"]["weights"], job["budget"]["macs"]) for job in jobs}
    assert len(jobs) == 3 * len(limits) == 3 * 16
    assert ("27000B", "0.856M") in limits
    assert not [text for limit in limits for text in limit if text is not None and "%" in text]
