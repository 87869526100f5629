"""Command lines that Hydra refuses: the error names key and value, and what was probably meant."""

import pytest

from suite import SuiteError
from suite.cli.main import main
from suite.config.sweep import expand

WRONG = [
    ("budgett.weights=25%", r"budgett\.weights=25%: no such key\. Did you mean budget\.weights\?"),
    ("budget.weigths=25%", r"Did you mean budget\.weights\?"),
    ("budget.rom=25%", r"Did you mean budget\.ram\?"),
    ("budget.speed=25%", r"Keys of budget: weights, .*flash"),
    ("recipe.epoch=3", r"Did you mean recipe\.epochs\?"),
    ("recipe.warmup.lrr=3", r"Did you mean recipe\.warmup\.lr\?"),
    ("recipe.warmup.blah=3", r"Keys of recipe\.warmup: optimiser, lr"),
    ("recipe.augmentation.flipp=true", r"Did you mean recipe\.augmentation\.flip\?"),
    ("benchmark.augmentation.flip=true", r"no such key"),
    ("method.projecton=none", r"Did you mean method\.projection\?"),
    ("method=taper method.keeep=3", r"Keys of method: .*tighten"),
    ("method=nsga2 method.trails=3", r"Did you mean method\.trials\?"),
    ("benchmark.presets.smok.epochs=3", r"Did you mean benchmark\.presets\.smoke\.epochs\?"),
    ("sede=3", r"Did you mean seed\?"),
    ("treads=1", r"Did you mean threads\?"),
    ("result_dir=x", r"Did you mean results_dir\?"),
    ("benchmark=digit", r"benchmark=digit: no such choice\. Did you mean digits\? Choices: anomaly_detection, digits"),
    ("method=ducio", r"method=ducio: no such choice\. Did you mean duccio\?"),
    ("device=nucleo", r"device=nucleo: no such choice\..* Choices: .*nucleo_l4r5zi"),
    ("preset=ful", r"Did you mean full\?"),
    ("+experiment=headlin", r"Did you mean headline\?"),
    ("experiment=headline", r"\+experiment=headline"),
    ("-m method=duccio,ducio", r"method=ducio: no such choice\. Did you mean duccio\?"),
    ("-m method=hand_tuned method.lenght=standard,equal", r"Did you mean method\.length\?"),
    ("seed=abc", r"seed=abc: .*could not be converted to Integer"),
    ("threads=many", r"threads=many: .*could not be converted to Integer"),
    ("recipe.warmup.lr=fast", r"recipe\.warmup\.lr=fast: .*could not be converted to Float"),
    ("deploy=maybe", r"deploy=maybe: .*not a valid bool"),
    ("smoke", r"smoke: not of the form KEY=VALUE"),
    ("budget.latency=5 ms", r"ms: not of the form KEY=VALUE \(a quantity has no blank before its unit"),
    ("seed=0,1", r"seed=0,1: several values make a sweep, which -m asks for"),
    ("budget={weights:25%},{weights:50%}", r"several values make a sweep"),
]


@pytest.mark.parametrize(("line", "named"), WRONG)
def test_what_is_refused_is_named_with_what_was_meant(line: str, named: str) -> None:
    with pytest.raises(SuiteError, match=named) as refused:
        list(expand(line.split()) or [])
    text = str(refused.value)
    assert "\n" not in text
    assert "append" not in text  # Hydra's advice would add a key that nothing reads


def test_the_command_ends_with_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "recipe.epoch=3"]) == 2
    assert capsys.readouterr().err == "error: recipe.epoch=3: no such key. Did you mean recipe.epochs?\n"
