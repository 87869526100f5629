"""The folders of the suite depend on each other in one direction only."""

import subprocess

import grimp
import pytest
from checkout import ROOT

LAYERS = (
    "cli",
    {"report", "engine", "deploy"},
    "config",
    "dnas",
    "task",
    "space",
    {"hardware", "records", "benchmarks"},
    {"models", "data"},
)
"""From top to bottom: a folder imports from those below it alone, and nothing from its siblings."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("suite", "baselines", cache_dir=None)


def test_no_folder_imports_from_one_above_or_beside_it(graph: grimp.ImportGraph) -> None:
    chains = graph.find_illegal_dependencies_for_layers(LAYERS, containers={"suite"})
    direct = {f"{route.heads} -> {route.middle} -> {route.tails}" for chain in chains for route in chain.routes}
    assert not direct, "\n".join(sorted(direct))


def test_every_folder_with_code_lies_in_a_layer(graph: grimp.ImportGraph) -> None:
    layered = {name for layer in LAYERS for name in ([layer] if isinstance(layer, str) else layer)}
    folders = {child.removeprefix("suite.") for child in graph.find_children("suite")}
    assert folders == layered


def test_the_suite_never_imports_the_baselines(graph: grimp.ImportGraph) -> None:
    suite = graph.find_descendants("suite") | {"suite"}
    importers = {
        module
        for module in suite
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.split(".")[0] == "baselines"
    }
    assert importers == set()


def test_the_baselines_know_of_engine_report_and_command_line_nothing(graph: grimp.ImportGraph) -> None:
    above = ("suite.cli", "suite.engine", "suite.report", "suite.deploy", "suite.config")
    importers = {
        (module, imported)
        for module in graph.find_descendants("baselines")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.startswith(above)
    }
    assert importers == set()


def test_at_most_fifteen_entries_lie_directly_in_the_suite() -> None:
    listed = subprocess.run(["git", "ls-files", "suite"], cwd=ROOT, capture_output=True, text=True, check=True)
    entries = {path.split("/")[1] for path in listed.stdout.splitlines()}
    assert len(entries) <= 15, sorted(entries)
