"""A run that goes wrong is a row of its experiment, and the runs after it are done."""

import json
from pathlib import Path

import pytest
from own_code import OwnCode

from suite.cli.main import main

BROKEN = '''
from dataclasses import dataclass
import torch
from torch import nn
from suite.task.task import Candidate, SearchResult

class Branching(nn.Module):
    """Works, but torch.fx cannot follow it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) if x.sum() > -1 else self.inner(-x)

@dataclass(frozen=True)
class Broken:
    returns: str = "branching"
    name: str = "broken"
    version = 1

    def search(self, task, budget, meter):
        network = task.new_network()
        if self.returns == "branching":
            network = Branching(network)
        if self.returns == "no module":
            network = 7
        if self.returns == "nothing":
            return None
        if self.returns == "odd history":
            return SearchResult([Candidate(network)], [{"phase": "search", "x": 1}, {"phase": "search", "x": "one"}])
        if self.returns == "odd artefact":
            return SearchResult([Candidate(network)], artefacts=[1])
        return SearchResult([Candidate(network, name=b"bytes")])
'''


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        ("branching", "cannot be traced"),
        ("no module", ""),
        ("nothing", "NoneType"),
        ("odd history", "x"),
        ("odd artefact", "SearchResult.artefacts"),
        ("odd name", "bytes"),
    ],
)
def test_a_method_that_returns_what_is_no_network_leaves_a_failed_row_and_the_sweep_goes_on(
    returns: str, reason: str, own_code: OwnCode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_code.write("own_broken", BROKEN)
    methods = own_code.folder / "conf" / "method"
    methods.mkdir(parents=True)
    (methods / "a_broken.yaml").write_text(f"_target_: own_broken.Broken\nname: broken\nreturns: {returns}\n")
    sweep = ["preset=smoke", "threads=1", "recipe.epochs=1", "method=a_broken,hand_tuned", f"results_dir={tmp_path}"]
    assert main(["run", "--config-dir", str(methods.parent), "-m", *sweep, "name=e"]) == 1
    records = {r["method"]: r for p in tmp_path.glob("e/runs/*/record.json") for r in [json.loads(p.read_text())]}
    assert records["broken"]["status"] == "failed"
    assert reason in records["broken"]["error"]
    assert "peak_memory_bytes" in records["broken"]["meter"]
    assert {p.name for p in next(tmp_path.glob(f"e/runs/{records['broken']['id']}")).glob("*.*")} <= {
        "record.json", "plan.json", ".lock"
    }  # fmt: skip
    assert records["hand_tuned"]["status"] == "done"
    assert main(["status", str(tmp_path / "e")]) == 0
    assert "1 of 2 runs done, 1 failed" in capsys.readouterr().out
