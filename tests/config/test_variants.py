"""A run's variant: exactly the options that differ from its method's default."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from own_code import NETWORK, OwnCode
from tasks import plan

from suite.config.identity import method_variant, typed_settings
from suite.records.labels import method_label
from suite.records.recipes import recipe_columns


@pytest.mark.parametrize("method", ["duccio", "hand_tuned", "nsga2", "taper", "unconstrained_dnas", "random_search"])
def test_a_method_at_its_defaults_has_no_variant(method: str) -> None:
    assert plan(f"method={method}").variant == {}


@pytest.mark.parametrize(
    ("overrides", "variant"),
    [
        (["method.projection='none'"], {"projection": "none"}),
        (["method.penalty.shape=abs", "method.compaction=false"], {"penalty.shape": "abs", "compaction": False}),
        (["method=nsga2", "method.cost_limit=null", "method.trials=4"], {"cost_limit": None, "trials": 4}),
        (["method=hand_tuned", "method.length=standard"], {"length": "standard"}),
        (["method.penalty.strength={weights:10}"], {"penalty.strength.weights": 10}),
    ],
)
def test_what_differs_is_the_variant(overrides: list[str], variant: dict[str, object]) -> None:
    assert dict(plan(*overrides).variant) == variant


def test_the_searched_space_is_part_of_the_variant() -> None:
    choices = plan("benchmark=keyword_spotting", "space=choices", "budget.weights=75%")
    assert choices.variant == {"space": "choices"}


def test_networks_of_ones_own_are_told_apart_by_class_arguments_and_code(own_code: OwnCode) -> None:
    own_code.write("own_net", NETWORK)
    plans = [plan("network=own_net.Net"), plan("network={_target_:own_net.Net,width:4}")]
    own_code.write("own_net", NETWORK.replace("width=8", "width=12"))
    plans.append(plan("network=own_net.Net"))
    names = [str(p.variant["network"]) for p in plans]
    assert all(re.fullmatch(r"Net [0-9a-f]{6}", name) for name in names)
    assert len({p.id for p in plans}) == len(set(names)) == 3
    assert f"(network={names[0]})" in plans[0].label
    assert recipe_columns(plans[0].identity)["network"].startswith(names[0][-6:]), "as the frame calls it"


@pytest.mark.parametrize(
    ("method", "candidate"),
    [(["method=duccio"], "duccio"), (["method.penalty.shape=abs"], "duccio_projected (penalty.shape=abs)")],
)
def test_a_headline_names_its_candidate_without_the_network(
    method: list[str], candidate: str, own_code: OwnCode
) -> None:
    own_code.write("own_net", NETWORK)
    made = plan("network=own_net.Net", *method, f"headline.candidate='{candidate}'")
    assert made.headline["candidate"] == method_label(made.method.name, made.variant)
    assert plan(*method, f"headline.candidate='{candidate}'").headline["candidate"] == candidate
    assert plan("network=own_net.Net").headline == {}


def test_numbers_written_differently_are_no_variant() -> None:
    assert plan("method=unconstrained_dnas", "method.fewest=2", "method.decades=1.50").variant == {}


def test_options_are_all_of_them() -> None:
    options = plan("method.projection='none'").options
    assert options["projection"] == "none"
    assert options["penalty"]["shape"] == "hinge"
    assert "name" not in options


@dataclass(frozen=True)
class Rule:
    power: float = 2.0


@dataclass(frozen=True)
class Foreign:
    version: ClassVar[int] = 1
    ignored_in_id: ClassVar[tuple[str, ...]] = ("workers",)

    name: str = "foreign"
    rule: Rule = field(default_factory=Rule)
    limit: float | None = None
    workers: int = 1


def test_the_defaults_of_a_foreign_method_are_those_of_its_class() -> None:
    node = {"_target_": "pkg.Foreign", "name": "foreign"}
    assert method_variant(Foreign(), node, "masks") == {}
    assert method_variant(Foreign(rule=Rule(3.0)), node, "both") == {"rule.power": 3, "space": "both"}


def test_null_and_ignored_options_are_not_in_what_is_hashed() -> None:
    node = {"_target_": "pkg.Foreign", "name": "foreign"}
    settings = typed_settings(Foreign(workers=8), node, Foreign.ignored_in_id)
    assert settings == {"class": "pkg.Foreign", "name": "foreign", "rule": {"power": 2}}


def test_code_of_the_suite_may_move_without_changing_what_is_hashed() -> None:
    here, there = ({"_target_": f"suite.{module}.Foreign"} for module in ("one", "two"))
    assert typed_settings(Foreign(), here) == typed_settings(Foreign(), there)
    assert typed_settings(Foreign(), {"_target_": "pkg.Foreign"}) != typed_settings(Foreign(), here)
