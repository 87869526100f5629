"""The page of recorded experiments on a telephone and a laptop, light and dark: nothing cut, nothing over another."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from axe import axe_script
from browser import Browser
from checkout import ROOT

from suite.records.store import Store
from suite.report.build import Report
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import StyledFigure
from suite.report.grouping import report_frame
from suite.report.page.page import render_page

RECORDED = "projections"
VIEWS = [(width, dark) for width in (390, 1280) for dark in (False, True)]
LAYOUT = (Path(__file__).parent / "layout.js").read_text()


def recorded_figures() -> list[RenderedFigure]:
    """Some recorded pictures, two of each benchmark and one of both."""
    folder = ROOT / "results" / RECORDED / "report" / "figures"
    paths = sorted(
        path for kind in ("forest", "widths", "profiles") for path in folder.glob(f"{kind}_*nucleo_l4r5zi.png")
    )
    found = []
    for path in paths:
        names = re.search("keyword_spotting|visual_wake_words|several_benchmarks", path.stem)
        assert names is not None
        setting = (names[0].replace("several_benchmarks", "several benchmarks"), "brief", "nucleo_l4r5zi")
        content = {"png": path.read_bytes()}
        found.append(RenderedFigure(path.stem, path.stem, setting, 1, "What is drawn.", StyledFigure(), content))
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a recorded experiment of two benchmarks, and that of one of its runs alone."""
    report = Report.load(Store(ROOT / "results", RECORDED))
    texts = {
        "experiment": render_page(
            report.records, report.df, recorded_figures(), report.published, report.store, report.tables
        )
    }
    run = next(r for r in report.records if r.method == "duccio" and r.benchmark == "visual_wake_words")
    single = Store(tmp_path_factory.mktemp("single"), "single")
    names = ("history.parquet", "architecture.json")
    single.write(run, {name: report.store.read_file(run.id, name) or b"" for name in names})
    texts["run"] = render_page([run], report_frame([run]), [], [], single)
    folder = tmp_path_factory.mktemp("pages")
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


def show(browser: Browser, page: Path, width: int, dark: bool, fragment: str = "") -> None:
    browser.open(page, fragment, width=width, dark=dark)
    browser.run("Promise.all(Array.from(document.images, image => image.decode()))")
    browser.run(LAYOUT)


def findings(browser: Browser, question: str) -> list[Any]:
    """What a function of layout.js finds wrong."""
    found = browser.run(f"layout.{question}()")
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("name", ["experiment", "run"])
@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_nothing_is_cut_or_lies_over_another(
    browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    show(browser, pages[name], width, dark)
    assert browser.run("document.documentElement.scrollWidth") == width
    assert findings(browser, "overlaps") == []
    assert findings(browser, "cut") == []
    assert findings(browser, "unreachableColumns") == []
    assert findings(browser, "faintTexts") == []
    if width == 1280:
        assert browser.run("document.querySelector('main .scroll').getBoundingClientRect().right") > width - 30


@pytest.mark.parametrize("name", ["experiment", "run"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_entry_of_the_contents_leads_to_its_section(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    show(browser, pages[name], width, dark=False)
    count = browser.run("document.querySelectorAll('nav a').length")
    assert count >= 7
    assert [place for place in map(json.loads, browser.run("layout.followContents()")) if not place["seen"]] == []


def test_the_contents_stay_in_sight(browser: Browser, pages: dict[str, Path]) -> None:
    for width, shown in ((390, "nav summary"), (1280, "nav a")):
        show(browser, pages["experiment"], width, dark=False)
        browser.run("scrollTo(0, 3000)")
        assert browser.run("scrollY") == 3000
        top = browser.run(f"document.querySelector('{shown}').getBoundingClientRect().top")
        assert 0 <= top < 100


def test_figures_are_dark_in_the_dark(browser: Browser, pages: dict[str, Path]) -> None:
    looks = "getComputedStyle(document.querySelector('{}')).filter"
    for selector in ("figure img", ".plot svg"):
        for dark, look in ((False, "none"), (True, "invert(1) hue-rotate(180deg)")):
            show(browser, pages["experiment"], 1280, dark)
            assert browser.run(looks.format(selector)) == look


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    script = axe_script(tmp_path_factory.mktemp("axe"))
    if script is None:
        pytest.skip("no axe-core: npm is absent or has no network, and AXE_CORE names no file")
    return script


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("experiment", 390, True), ("experiment", 1280, False), *(("run", width, dark) for width, dark in VIEWS)],
)
def test_axe_finds_nothing_serious(
    browser: Browser, pages: dict[str, Path], axe: str, name: str, width: int, dark: bool
) -> None:
    show(browser, pages[name], width, dark)
    browser.run(f"{axe}; 0")
    rules = browser.run("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html.slice(0, 200)]))")
    assert [rule for rule in rules if rule[0] in ("serious", "critical")] == []
