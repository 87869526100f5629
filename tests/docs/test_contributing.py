"""docs/contributing.md: every dependency is listed with its licence."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import pytest
from checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
OWN = PROJECT["name"]


def names(requirements: list[str]) -> set[str]:
    return {found[0] for r in requirements if (found := re.match(r"[\w-]+", r)) and found[0] != OWN}


NEEDED = names(PROJECT["dependencies"]).union(*(names(extra) for extra in EXTRAS.values()))


def listed() -> dict[str, str]:
    """Package -> the licence that the table gives."""
    text = (ROOT / "docs" / "contributing.md").read_text()
    found: dict[str, str] = {}
    for packages, licence in re.findall(r"^\| ([a-z0-9, -]+) \| ([^|]+) \|", text, re.MULTILINE):
        licences = licence.split(", ")
        each = packages.split(", ")
        found |= dict(zip(each, licences if len(licences) == len(each) else [licence] * len(each), strict=True))
    return found


def test_every_dependency_is_listed_and_nothing_else() -> None:
    assert set(listed()) - {"package", "command"} == NEEDED


@pytest.mark.parametrize("package", sorted(NEEDED))
def test_the_licence_is_that_of_the_packages_metadata(package: str) -> None:
    try:
        about = metadata(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    stated = " ".join(filter(None, [about.get("License-Expression"), *about.get_all("Classifier", [])]))
    family = re.split(r"[- ]", listed()[package])[0]
    assert {"PSF": "Python Software Foundation"}.get(family, family) in stated


def test_all_has_every_extra_but_those_for_tests_and_deployment() -> None:
    (everything,) = EXTRAS["all"]
    assert set(everything.removeprefix(f"{OWN}[").removesuffix("]").split(",")) == set(EXTRAS) - {
        "all",
        "test",
        "deploy",
    }
