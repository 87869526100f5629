"""What pages refer to is there: files, modules, links and anchors; and the site has every page."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from checkout import ROOT
from pages import PAGES, anchors, blocks, without_code

ALL = [*PAGES, *sorted(ROOT.glob("results/**/README.md"))]
each_page = pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_files_and_modules_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    paths = re.findall(r"`((?:suite|baselines|tests|docs|results)/[\w./-]*\w)/?`", text)
    modules = re.findall(r"`(suite(?:\.[a-z_]+)+)", text)
    folders = "|".join(path.name for path in (ROOT / "suite").iterdir() if path.is_dir())
    paths += [f"suite/{path}" for path in re.findall(rf"(?<![\w/])((?:{folders})/\w+\.py)", text)]
    missing = [path for path in paths if not (ROOT / path).exists() and path != "results/artefacts"]
    missing += [module for module in modules if not _is_module_or_member(module)]
    assert missing == []


@each_page
def test_links_and_anchors_resolve(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+://)([^)#]*)(?:#([^)]*))?\)", without_code(page.read_text()))
    broken = []
    for path, anchor in links:
        target = page.parent / path if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def _is_module_or_member(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    modules = [ROOT.joinpath(*parts) for parts in (name.split("."), name.split(".")[:-1]) if len(parts) > 1]
    return any(path.with_suffix(".py").is_file() or path.is_dir() for path in modules)


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    def pages(node: object) -> list[str]:
        if isinstance(node, list | dict):
            return [page for child in (node.values() if isinstance(node, dict) else node) for page in pages(child)]
        return [str(node)]

    nav = pages(yaml.safe_load((ROOT / ".ci" / "mkdocs.yml").read_text())["nav"])
    assert sorted(nav) == sorted(page.relative_to(ROOT).as_posix() for page in ALL)


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_a_page_of_the_docs_begins_with_whom_it_is_for(page: Path) -> None:
    title, empty, first = page.read_text().splitlines()[:3]
    assert title.startswith("# ")
    assert not empty
    assert first.startswith("For ")


@each_page
def test_a_list_has_an_empty_line_before_it(page: Path) -> None:
    """Without one a code host shows a list and mkdocs a paragraph."""
    text = page.read_text()
    for block in blocks(text):
        text = text.replace(block.text, "")
    lines = text.splitlines()
    starts = [(a, b) for a, b in itertools.pairwise(lines) if re.match(r"(-|\d+\.) ", b)]
    assert [b for a, b in starts if a and not re.match(r"(-|\d+\.|  +) ?", a)] == []


def test_limits_that_the_docs_state() -> None:
    assert "`baselines/random_search.py` is a complete one in 30 lines" in (ROOT / "docs" / "extending.md").read_text()
    assert len((ROOT / "baselines" / "random_search.py").read_text().splitlines()) <= 30
    for device in (ROOT / "suite" / "config" / "conf" / "device").glob("*.yaml"):
        assert len(device.read_text().splitlines()) <= 15
