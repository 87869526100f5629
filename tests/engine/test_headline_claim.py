"""A headline's candidate is named in the configuration and in every record; a misspelled one is refused."""

from pathlib import Path

import pytest
from tasks import plan

from suite.cli.main import main
from suite.engine.harness import execute
from suite.records.store import Store
from suite.task.progress import Progress

SWEEP = ("preset=smoke", "threads=1", "method=hand_tuned,width_scaling", "budget={weights:25%},{weights:50%}")


def test_the_claim_is_in_the_record_and_not_in_the_id(tmp_path: Path) -> None:
    claim = ("headline.candidate=hand_tuned", "headline.budget='weights 50%'")
    made = plan("method=hand_tuned", "budget.weights=50%", *claim)
    assert made.id == plan("method=hand_tuned", "budget.weights=50%").id
    record = execute(made, Store(tmp_path, "test"), Progress())
    assert record.headline == {"candidate": "hand_tuned", "budget": "weights 50%"}
    assert Store(tmp_path, "test").read(made.id).headline == record.headline


@pytest.mark.parametrize(
    ("claim", "named"),
    [
        (["headline.candidate=hand_tunned"], "hand_tuned, width_scaling"),
        (["headline.candidate=hand_tuned", "headline.budget=weights 30%"], "weights 25%, weights 50%"),
        (["headline.budget=weights 25%"], "headline.candidate must name the method"),
    ],
)
def test_a_claim_that_no_run_can_have_is_refused_before_the_first_trains(
    claim: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-m", *SWEEP, f"results_dir={tmp_path}", *claim]) == 2
    assert named in capsys.readouterr().err
    assert not list(tmp_path.rglob("record.json"))


def test_a_part_of_an_experiment_is_run_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = ["preset=smoke", "threads=1", "method=width_scaling", "budget={weights:25%}", f"results_dir={tmp_path}"]
    assert main(["run", "-m", *part, "seed=0,1", "headline.candidate=duccio_projected"]) == 0
    assert "headline.candidate=duccio_projected: none of these runs" in caplog.text
