"""`+experiment=campaign`: what is compared, at which limits and with which random seeds."""

from typing import Any

import pytest
import yaml
from no_data import plan_without_data

from suite.config import CONF
from suite.config.plan import make_plan
from suite.config.sweep import expand

CAMPAIGN = CONF / "experiment" / "campaign"
AUTOENCODER = [{"weights": size} for size in (33_000, 67_000, 134_000, 201_000)]
MOBILENET = [{"weights": 27_000, "macs": 3_420_000}, {"weights": 27_000}]
PARTS = {
    "anomaly_detection": ("full", range(5), AUTOENCODER),
    "anomaly_detection_paper": ("paper", range(3), AUTOENCODER),
    "visual_wake_words": ("full", range(5), MOBILENET),
    "visual_wake_words_headline": ("full", range(5, 15), MOBILENET[:1]),
    "visual_wake_words_paper": ("paper", range(3), MOBILENET),
    "visual_wake_words_samplers": ("full", range(3), MOBILENET),
    "visual_wake_words_unconstrained": ("full", range(5), MOBILENET),
    "keyword_spotting": ("full", range(5), [{"weights": 5_500, "macs": 329_000}, {"weights": 11_000}]),
    "image_classification": ("full", range(3), [{"weights": 19_300, "macs": 2_610_000}]),
}
"""Preset, random seeds and limits (bytes, MACs) of the parts whose limits are the paper's."""


def part(name: str) -> dict[str, Any]:
    return yaml.safe_load((CAMPAIGN / f"{name}.yaml").read_text())


def sweep(name: str) -> dict[str, str]:
    return part(name)["hydra"]["sweeper"]["params"]


@pytest.mark.parametrize("name", PARTS)
def test_limits_preset_and_seeds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_without_data(monkeypatch)
    preset, seeds, limits = PARTS[name]
    assert sweep(name)["seed"] == ",".join(map(str, seeds))
    method = sweep(name)["method"].split(",")[0]
    jobs = (
        expand([f"+experiment=campaign/{name}", f"method={method}", "seed=0", "compute=cpu", "clean_tree=false"]) or []
    )
    plans = [make_plan(job) for job in jobs]  # refuses a budget that no network of the space meets
    assert [{metric: round(x) for metric, x in plan.budget.targets.items()} for plan in plans] == limits
    assert {plan.preset for plan in plans} == {preset}
    formats = {plan.task.recipe.dtype for plan in plans}
    assert formats == {"fp32"} or name == "image_classification"  # is for a GPU, whose format it takes


def test_the_headline_is_named_beforehand_and_has_fifteen_seeds() -> None:
    names = ("visual_wake_words", "visual_wake_words_headline")
    named = {"candidate": "duccio_projected", "budget": "weights 27000B + macs 3.42M"}
    assert [part(name)["headline"] for name in names] == [named, named]
    assert [seed for name in names for seed in sweep(name)["seed"].split(",")] == [str(seed) for seed in range(15)]
    assert all({"duccio_projected", "hand_tuned"} <= set(sweep(name)["method"].split(",")) for name in names)


def test_every_part_wants_committed_code_and_one_thread() -> None:
    parts = {path.stem: part(path.stem) for path in CAMPAIGN.glob("*.yaml")}
    assert set(parts) == {*PARTS, "visual_wake_words_ram", "visual_wake_words_board"}
    assert {(x["name"], x["clean_tree"], x["threads"]) for x in parts.values()} == {("campaign", True, 1)}


def test_unconstrained_dnas_is_projected_as_the_candidate_is() -> None:
    assert part("visual_wake_words_unconstrained")["method"] == {"projection": "refill"}
