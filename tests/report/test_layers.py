"""The packages of the report depend on each other in one direction only."""

import grimp
import pytest

LAYERS = (
    "build",
    "free_channels",
    "device_tables",
    "page",
    "figures",
    "tables",
    "statistics",
    "grouping",
)
"""From top to bottom: a module or package imports from those below it alone."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("suite", cache_dir=None)


def test_no_package_of_the_report_imports_from_one_above_it(graph: grimp.ImportGraph) -> None:
    chains = graph.find_illegal_dependencies_for_layers(LAYERS, containers={"suite.report"})
    assert not chains, "\n".join(str(chain) for chain in chains)


def test_every_module_of_the_report_lies_in_a_layer(graph: grimp.ImportGraph) -> None:
    children = {child.removeprefix("suite.report.") for child in graph.find_children("suite.report")}
    assert children == {name for layer in LAYERS for name in ([layer] if isinstance(layer, str) else layer)}


def test_no_two_modules_of_the_report_import_each_other(graph: grimp.ImportGraph) -> None:
    modules = graph.find_descendants("suite.report")
    circles = [
        (module, imported)
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in modules and graph.chain_exists(importer=imported, imported=module)
    ]
    assert circles == []
