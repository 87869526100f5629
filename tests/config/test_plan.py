"""What planning refuses before anything is trained."""

import re
from pathlib import Path

import pytest
from own_code import NETWORK, OwnCode
from tasks import plan

from suite import SuiteError
from suite.cli.main import main


def test_a_changed_preset_says_so() -> None:
    assert plan().preset == "smoke"
    assert plan("recipe.epochs=3").preset == "smoke (changed)"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("budget.weights=1B", "smallest network"),
        ("budget.weights=lots", "not a quantity"),
        ("compute=tpu", "cpu"),
        ("threads=0", "threads=0"),
        ("recipe.epochs=-1", "epochs"),
        ("method.projection=maybe", "repair"),
        ("device.ceil_slope=up", "mean, unit"),
        ("benchmark.network._target_=no.such.Net", "no.such.Net"),
        ("benchmark.data.pack=/no/such.npz", "/no/such.npz"),
        ("method.penalty.strength=-1", "strength"),
    ],
)
def test_bad_input_is_refused_before_training(override: str, named: str) -> None:
    device = ["device=gap8"] if override.startswith("device.") else []
    with pytest.raises(SuiteError, match=named):
        plan(*device, override)


class TestNetworksThatDoNotFit:
    """A network that cannot take the benchmark's examples or gives another number of outputs; both numbers are told."""

    @pytest.mark.parametrize(
        ("edit", "named"),
        [
            (("nn.Conv2d(1,", "nn.Conv2d(3,"), r"network=own_net\.Net: .*3 channels, but got 1"),
            (("width * 36", "width * 100"), r"network=own_net\.Net: .*2x288 and 800x10"),
            (("classes=10", "classes=12"), r"gives outputs of shape \[12\], benchmark digits needs \[10\]"),
            (("self.fc(self.act(self.conv(x)).flatten(1))", "self.act(self.conv(x))"), r"needs \[10\]"),
        ],
        ids=["channels", "size", "outputs", "map"],
    )
    def test_ones_own_network(self, edit: tuple[str, str], named: str, own_code: OwnCode) -> None:
        own_code.write("own_net", NETWORK.replace(*edit))
        with pytest.raises(SuiteError, match=named) as refused:
            plan("network=own_net.Net")
        assert len(str(refused.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("network", "named"),
        [
            ("own_net.Nat", r"network=own_net\.Nat: cannot be imported.*Did you mean Net\?"),
            ("no_module.Net", r"network=no_module\.Net: cannot be imported \(ModuleNotFoundError"),
            ("{_target_:own_net.Net,wide:3}", r"network: .*unexpected keyword argument 'wide'"),
            ("{width:3}", r"network\._target_ is missing"),
            ("[own_net.Net]", r"network=\['own_net\.Net'\]: expected a mapping"),
            ("own_net.nn", "network: .*not callable|network: own_net.nn is not an nn.Module"),
            ("os.getcwd", "network: os.getcwd is not an nn.Module"),
            ("own_net.fails", "network: KeyError: 'odd'"),
            (
                "{_target_:suite.models.resnet8.ResNet8,width:1000000}",
                "network: a network of [0-9,]+ parameters; at most",
            ),
        ],
    )
    def test_what_makes_no_network(self, network: str, named: str, own_code: OwnCode) -> None:
        own_code.write("own_net", f"{NETWORK}\ndef fails():\n    return {{}}['odd']\n")
        with pytest.raises(SuiteError, match=named) as refused:
            plan(f"network={network}")
        assert len(str(refused.value).splitlines()) == 1

    def test_a_map_of_the_right_number_of_channels_is_no_vector_of_classes(self, own_code: OwnCode) -> None:
        source = NETWORK.replace("width=8", "width=10")
        own_code.write("own_net", source.replace("self.fc(self.act(self.conv(x)).flatten(1))", "self.conv(x)"))
        with pytest.raises(SuiteError, match=r"gives outputs of shape \[10, 6, 6\], benchmark digits needs \[10\]"):
            plan("network=own_net.Net")

    def test_a_supernet_with_other_outputs_than_the_reference_network(self) -> None:
        with pytest.raises(SuiteError, match=r"benchmark\.supernet=.*gives 12 outputs, the reference network 10"):
            plan("space=choices", "benchmark.supernet.classes=12")

    @pytest.mark.parametrize(("key", "told"), [("in_channels=3", "3 channels, but got 1"), ("classes=12", "12.*10")])
    @pytest.mark.parametrize("sweep", [["-m", "seed=0,1"], []])
    def test_the_benchmarks_own_settings(
        self, key: str, told: str, sweep: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        job = ["preset=smoke", "threads=1", f"benchmark.network.{key}", f"results_dir={tmp_path}"]
        assert main(["run", *sweep, *job]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(f"benchmark.network.*{told}", line)
        assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("name", ["..", ".", "../x", "a/b", "a\\b", ".hidden", "/tmp/x", "artefacts", "published", ""])
@pytest.mark.parametrize("sweep", [["-m", "seed=0,1"], []])
def test_a_name_that_is_no_plain_folder_writes_nothing_anywhere(
    name: str, sweep: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    assert main(["run", *sweep, "preset=smoke", "threads=1", "method=hand_tuned", f"name='{name}'"]) == 2
    assert "name=" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_score_of_guessing_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(SuiteError, match=r"benchmark\.chance="):
        plan(f"benchmark.chance={value}")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("benchmark=null", "benchmark=null: no configuration"),
        ("device=5", "device=5: no configuration"),
        ("recipe.mask_lr=1" + "0" * 400, r"no configuration \(int too large to convert to float"),
        ("compute=${odd}", "Interpolation key 'odd' not found"),
        ("recipe.batch=${odd}", "Interpolation key 'odd' not found"),
        ("benchmark.presets=odd", "benchmark.presets=odd: expected a mapping"),
        ("benchmark.presets.smoke=odd", "benchmark.presets.smoke=odd: expected a mapping"),
        ("benchmark.recipe=5", "benchmark.recipe=5: expected a mapping"),
        ("~benchmark.recipe", "benchmark.recipe=None: expected a mapping"),
        ("benchmark.input_shape=8", "benchmark.input_shape=8: expected a list of whole numbers"),
        ("benchmark.input_shape=[a,b]", r"benchmark.input_shape=\['a', 'b'\]: expected a list of whole numbers"),
        ("benchmark.input_shape=[1,99999,99999]", r"an input of shape \(1, 99999, 99999\): expected"),
        ("benchmark.network.width=1000000", "benchmark.network: a network of [0-9,]+ parameters; at most"),
        ("device={_target_:builtins.dict}", "device=|device._target_=builtins.dict: is no device, it lacks name, "),
        ("device.clock_mhz=1" + "0" * 400, "device.clock_mhz=1"),
        ("method._target_=builtins.dict", "method._target_=builtins.dict: is no method, it lacks name, version"),
        ("benchmark._target_=builtins.dict", "benchmark._target_=builtins.dict: is no benchmark, it lacks name"),
    ],
)
def test_a_setting_that_nothing_can_be_done_with_is_named(
    setting: str, told: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", "preset=smoke", "threads=1", "--dry-run", setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(told, line)
