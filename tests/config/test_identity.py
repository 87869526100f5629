"""A run's id: all that can change its result, and nothing else."""

from typing import Any

import pytest
from own_code import NETWORK, OwnCode
from tasks import plan

OWN: dict[str, Any] = {"benchmark.network": {"_target_": "own_net.Net"}}
"""A benchmark whose network is the user's own."""
IMPORTED = "from own_width import WIDTH\n" + NETWORK.replace("width=8", "width=WIDTH")
"""A network whose width stands in another file than its class."""


def test_paths_and_names_do_not_matter() -> None:
    assert plan("name=a", "results_dir=x").id == plan("name=b", "checkpoint_seconds=1").id


def test_a_share_and_its_absolute_value_are_one_budget() -> None:
    seed = plan().task.space.reference_costs["weights"]
    assert plan("budget.weights=50%").id == plan(f"budget.weights={seed / 2}").id


@pytest.mark.parametrize(
    "change",
    ["seed=1", "threads=2", "budget.weights=49%", "method.projection=none", "device=gap8", "recipe.epochs=3",
     "recipe.augmentation.rotate=11", "benchmark.network.width=8", "recipe.dtype=bf16", "method=random_search"],
)  # fmt: skip
def test_what_changes_results_changes_the_id(change: str) -> None:
    assert plan("budget.weights=50%", change).id != plan("budget.weights=50%").id


def test_a_method_of_a_new_version_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.dnas.duccio import Duccio

    before = plan().id
    monkeypatch.setattr(Duccio, "version", 99)
    assert plan().id != before


class TestNetworksOfAUser:
    """A user's code may change from one call to the next; the suite's own changes with its version."""

    def test_unchanged_code_is_the_same_run(self, own_code: OwnCode) -> None:
        own_code.write("own_net", NETWORK)
        first = plan("network=own_net.Net").id
        own_code.write("own_net", NETWORK)
        assert plan("network=own_net.Net").id == first

    @pytest.mark.parametrize(
        "edited",
        [
            NETWORK.replace("width=8", "width=12"),
            NETWORK.replace("self.act(self.conv(x))", "self.conv(x).relu()"),
            NETWORK.replace("super().__init__()", "super().__init__()\n        self.scale = 2"),
        ],
        ids=["another width", "another operation", "nothing that is traced"],
    )
    @pytest.mark.parametrize("of_benchmark", [False, True])
    def test_edited_code_is_another_run(self, of_benchmark: bool, edited: str, own_code: OwnCode) -> None:
        ids = []
        assert edited != NETWORK
        for source in (NETWORK, edited):
            own_code.write("own_net", source)
            ids.append(plan(nodes=OWN).id if of_benchmark else plan("network=own_net.Net").id)
        assert ids[0] != ids[1]

    def test_edited_code_of_a_function_that_makes_the_network_is_another_run(self, own_code: OwnCode) -> None:
        make = "def make():\n    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.{}(), nn.Flatten(), nn.Linear(144, 10))\n"
        ids = []
        for activation in ("ReLU", "ReLU6"):
            own_code.write("own_net", "from torch import nn\n\n" + make.format(activation))
            ids.append(plan("network=own_net.make").id)
        assert ids[0] != ids[1]

    def test_settings_called_like_our_hashes_stay_settings(self, own_code: OwnCode) -> None:
        own_code.write("own_net", NETWORK.replace("width=8", "layers=8").replace("width", "layers"))
        node = {"_target_": "own_net.Net", "layers": 6}
        assert plan(nodes={"benchmark.network": node}).identity["benchmark"]["network"]["layers"] == 6

    def test_other_layers_are_another_run_wherever_they_come_from(self, own_code: OwnCode) -> None:
        ids = []
        for width in (8, 12):
            own_code.write("own_width", f"WIDTH = {width}")
            own_code.write("own_net", IMPORTED)
            ids.append(plan("network=own_net.Net").id)
        assert ids[0] != ids[1]

    def test_an_edited_supernet_is_another_run(self, own_code: OwnCode) -> None:
        source = "from suite.models.supernets import ResNet8Choices\nclass Net(ResNet8Choices):\n    pass\n"
        setting = "benchmark.supernet._target_=own_supernet.Net"
        ids = []
        for more in ("", "    scale = 2\n"):
            own_code.write("own_supernet", source + more)
            ids.append(plan(setting, "space=choices").id)
        assert ids[0] != ids[1]

    def test_the_suites_own_go_by_their_configuration_and_version(self) -> None:
        network = {"_target_": "suite.models.resnet8.ResNet8", "in_channels": 1, "classes": 10, "width": 16}
        identity = plan("space=choices").identity
        assert identity["benchmark"]["network"] == network
        assert set(identity["supernet"]) == {"_target_", "in_channels", "classes", "width"}

    def test_what_runs_share_follows_the_network_too(self, own_code: OwnCode) -> None:
        keys = []
        for source in (NETWORK, NETWORK.replace("width=8", "width=12")):
            own_code.write("own_net", source)
            keys.append(plan("network=own_net.Net").task.shared_key)
        assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("method.cost_limit=3", "method.cost_limit=3.0"),
        ("method.choices.temperature=2", "method.choices.temperature=2.0"),
        ("method.penalty.strength=1e1", "method.penalty.strength=10"),
        ("device.cycles_per_mac=2", "device.cycles_per_mac=2.0"),
        ("recipe.augmentation.rotate=9", "recipe.augmentation.rotate=9.0"),
        ("recipe.mask_lr=1", "recipe.mask_lr=1.0"),
        ("budget.weights=50000", "budget.weights=50000.0"),
        ("budget.weights=50%", "budget.weights=50.0%"),
    ],
)
def test_a_number_is_the_same_however_it_is_written(first: str, second: str) -> None:
    assert plan(first).id == plan(second).id
    assert plan(first).id != plan().id


def test_a_networks_number_is_the_same_however_it_is_written(own_code: OwnCode) -> None:
    own_code.write("own_net", NETWORK)
    nodes = [{"benchmark.network": {"_target_": "own_net.Net", "slope": slope}} for slope in (1, 1.0, 2)]
    ids = [plan(nodes=node).id for node in nodes]
    assert ids[0] == ids[1] != ids[2]


def test_a_user_defined_method_without_types_has_one_id_for_one_number(own_code: OwnCode) -> None:
    own_code.write(
        "own_method",
        "class Plain:\n"
        "    version = 1\n"
        "    def __init__(self, name, strength):\n"
        "        self.name, self.strength = name, strength\n"
        "    def search(self, task, budget, meter): ...\n",
    )
    nodes = [{"method": {"_target_": "own_method.Plain", "name": "mine", "strength": s}} for s in (1, 1.0, 2)]
    ids = [plan(nodes=node).id for node in nodes]
    assert ids[0] == ids[1] != ids[2]


class TestVariants:
    """What of a method's options differs from its default."""

    def test_the_default_has_none_and_all_its_options(self) -> None:
        made = plan()
        assert made.variant == {}
        assert made.options["penalty"] == {"shape": "hinge", "schedule": "ramp", "strength": "eq13"}
        assert "name" not in made.options

    def test_differing_options_are_named_by_their_dotted_key(self) -> None:
        made = plan("method.penalty.shape=abs", "method.cost_limit=3", "method.compaction=true")
        assert made.variant == {"penalty.shape": "abs", "cost_limit": 3}

    def test_the_space_is_one_where_it_is_not_masks(self) -> None:
        assert plan("space=both").variant == {"space": "both"}
        assert plan("space=both", "method=hand_tuned").variant == {}, "it does not search"

    def test_a_users_method_differs_from_the_defaults_of_its_class(self, own_code: OwnCode) -> None:
        own_code.write(
            "own_dataclass",
            "from dataclasses import dataclass\n"
            "@dataclass(frozen=True)\n"
            "class Mine:\n"
            "    name: str = 'mine'\n"
            "    trials: int = 3\n"
            "    version = 1\n"
            "    def search(self, task, budget, meter): ...\n",
        )
        nodes = [{"method": {"_target_": "own_dataclass.Mine", "name": "mine", "trials": trials}} for trials in (3, 4)]
        assert [plan(nodes=node).variant for node in nodes] == [{}, {"trials": 4}]
