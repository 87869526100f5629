"""`suite check`: every built-in plug-in keeps its contract, and one that does not is told."""

import re
from pathlib import Path

import pytest

from suite import SuiteError
from suite.config.catalogue import catalogue
from suite.engine.contract_checks import CheckResult, run_checks

CHECKED = [(e.group, e.name) for e in catalogue() if e.group in ("benchmark", "method", "device")]


def test_the_catalogue_has_methods_benchmarks_and_devices() -> None:
    assert {("method", "duccio"), ("benchmark", "digits"), ("device", "gap8")} <= set(CHECKED)


@pytest.mark.parametrize(("group", "name"), CHECKED, ids=[f"{group}-{name}" for group, name in CHECKED])
def test_every_plugin_of_the_catalogue_keeps_its_contracts(
    group: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # downloaded data is not there
    results = [r for r in run_checks(only=[name]) if r.subject == f"{group} {name}"]
    assert len(results) >= 2
    skips = (group == "benchmark" and name != "digits") or name.startswith("cortex_") or name == "hand_tuned"
    allowed = {"ok", "skip"} if skips else {"ok"}
    assert [r.line for r in results if r.verdict not in allowed] == []
    assert "ok" in {r.verdict for r in results}


def test_missing_data_is_a_skip_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    results = run_checks(only=["image_classification"])
    skipped = [o for o in results if o.verdict == "skip"]
    assert len(skipped) == 1
    assert "cifar" in skipped[0].reason


CYCLES = {
    "shrinking": "1e6 / (cin * cout)",
    "by fours": "cin * cout + 100 * (cout % 4)",  # 31 channels cost more than 32, twice as many never less
}


def _device_results(cycles: str, monotone: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    """What `suite check` says of a device of one's own."""
    module = f"own_device_{folder.name}"
    (folder / f"{module}.py").write_text(
        "from dataclasses import dataclass\n"
        "from suite.hardware.latency import Device\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Own(Device):\n"
        f"    monotone = {monotone}\n"
        "    def layer_cycles(self, table, cin, cout):\n"
        f"        return {cycles}\n"
    )
    (folder / "device").mkdir()
    (folder / "device" / "odd.yaml").write_text(
        f"_target_: {module}.Own\nname: odd\nboard: b\nsoftware: s\nsource: x\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return run_checks(folder, only=["odd"])


@pytest.mark.parametrize(
    ("cycles", "monotone", "reason"),
    [
        ("shrinking", True, "twice the channels must not cost less"),
        ("shrinking", False, "twice the channels must not cost less"),
        ("by fours", True, "or the device say monotone = False"),
    ],
)
def test_a_broken_device_fails_its_contract(
    cycles: str, monotone: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = _device_results(CYCLES[cycles], monotone, tmp_path, monkeypatch)
    assert any(o.verdict == "FAIL" and reason in o.reason for o in results)


def test_a_device_that_says_that_it_is_not_monotone_may_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = _device_results(CYCLES["by fours"], False, tmp_path, monkeypatch)
    assert [o.verdict for o in results if "twice the channels" in o.contract] == ["ok"]
    assert [(o.verdict, o.reason) for o in results if "falls" in o.contract] == [
        ("skip", "the device says monotone = False")
    ]


METHOD = """
import inspect
import time
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.space.groups import channel_groups
from suite.task.task import Candidate, SearchResult
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class Own:
    version: ClassVar[int] = 1
    name: str = "own"

    def search(self, task, budget, meter):
        network = task.space.thin(task.new_network(), task.space.find_fitting(budget))

        def backward():
            x = task.preprocess(task.train.x[:8])
            task.loss(network(x), x, task.train.y[:8]).backward()

        {before}
        fit(task, network, meter, Phase("finetune", task.recipe.finetune))
        {after}
        return SearchResult([Candidate(network)])
"""

OFFENDERS = {
    "reads the test data": (
        "", "inspect.currentframe().f_back.f_back.f_locals['data'].test.y",
        "read the test data during its search",
    ),
    "changes the task": ("task.train.x[0] = 0", "", "changed the examples of its task"),
    "trains outside the meter": ("", "backward()", "trains outside the meter"),
    "charges no sample": (
        "exec('with meter.phase(\"search\"): backward()'); return SearchResult([Candidate(network)])", "",
        "trains and charges no sample",
    ),
    "draws from the clock": (
        "nn.init.normal_(next(network.parameters()), generator=torch.Generator().manual_seed(time.time_ns()))", "",
        "two runs with one random seed differ",
    ),
    "ignores the budget": ("network = task.new_network()", "", "limits of 90% and 20% of the weights give one"),
    "returns a network with a hook": (
        "", "network.register_forward_hook(lambda module, x, y: y * 2)", "returned a wrapped network",
    ),
    "returns a network whose weights are computed": (
        "", "nn.utils.parametrizations.weight_norm(network.fc)", "returned a wrapped network",
    ),
    "returns a network with a forward of its own": (
        "", "network.fc.forward = lambda x: nn.functional.linear(x, network.fc.weight)", "returned a wrapped network",
    ),
    "returns masks instead of a thinned network": (
        "", "network = MaskedNetwork(network, trace(network, (1, 8, 8)), channel_groups(trace(network, (1, 8, 8))))",
        "run failed",
    ),
}  # fmt: skip


def _method_results(before: str, after: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    """What `suite check --method` says of a method of one's own."""
    module = f"own_method_{folder.name}"
    (folder / f"{module}.py").write_text(METHOD.format(before=before or "pass", after=after or "pass"))
    monkeypatch.syspath_prepend(str(folder))
    return run_checks(methods=[f"{module}:Own"])


def test_an_honest_method_of_ones_own_keeps_its_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = _method_results("", "", tmp_path, monkeypatch)
    assert [o.verdict for o in results] == ["ok"] * 4


@pytest.mark.parametrize(("before", "after", "reason"), OFFENDERS.values(), ids=OFFENDERS)
def test_a_method_that_breaks_a_rule_is_told(
    before: str, after: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = _method_results(before, after, tmp_path, monkeypatch)
    assert any(o.verdict == "FAIL" and re.search(reason, o.reason) for o in results), results


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SuiteError, match="duccio"):
        run_checks(only=["dukkio"])
