"""`suite check`: every built-in plug-in keeps its contract, and one that does not is told."""

from pathlib import Path

import pytest

from suite import SuiteError
from suite.engine.contract_checks import run_checks


@pytest.mark.parametrize(
    "name",
    [
        "gap8",
        "nucleo_l4r5zi",
        "digits",
        "duccio",
        "duccio_layerwise",
        "unconstrained_dnas",
        "prune_to_budget",
        "nsga2",
        "nsga3",
        "tpe",
        "random",
        "hand_tuned",
        "width_scaling",
        "random_search",
    ],
)
def test_built_in_plugins_keep_their_contracts(name: str) -> None:
    results = run_checks(only=[name])
    assert len(results) >= 2
    assert [o.line for o in results if o.verdict != "ok"] == []


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
