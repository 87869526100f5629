"""`suite check`: every built-in plug-in keeps its contract, and one that does not is told."""

from pathlib import Path

import pytest

from suite import SuiteError
from suite.config.catalogue import catalogue
from suite.engine.contract_checks import run_checks

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
    allowed = {"ok", "skip"} if group == "benchmark" and name != "digits" else {"ok"}
    assert [r.line for r in results if r.verdict not in allowed] == []
    assert "ok" in {r.verdict for r in results}


def test_missing_data_is_a_skip_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    results = run_checks(only=["image_classification"])
    skipped = [o for o in results if o.verdict == "skip"]
    assert len(skipped) == 1
    assert "cifar" in skipped[0].reason


def test_a_broken_plugin_fails_its_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text(
        "from dataclasses import dataclass\n"
        "from suite.hardware.latency import Board\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Shrinking(Board):\n"
        "    def layer_cycles(self, table, cin, cout):\n"
        "        return 1e6 / (cin * cout)\n"
    )
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "odd.yaml").write_text(
        "_target_: broken.Shrinking\nname: odd\nboard: b\nsoftware: s\nsource: x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    results = run_checks(tmp_path, only=["odd"])
    assert any(o.verdict == "FAIL" and "must not cost less" in o.reason for o in results)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SuiteError, match="duccio"):
        run_checks(only=["dukkio"])
