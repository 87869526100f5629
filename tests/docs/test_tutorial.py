"""The tutorial from top to bottom: its files are written to an empty folder, its commands print what it shows."""

from pathlib import Path

import pytest
from output_shape import first_missing
from pages import TUTORIAL
from walk_page import walk

NOT_RUN = ("python3 -m venv ", "source ", "pip install ", "suite deploy ")
"""What test_commands.py parses: it installs something, or needs what is installed so (tests/deploy runs it)."""


@pytest.mark.parametrize("page", TUTORIAL, ids=lambda page: page.stem)
def test_a_page_runs_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    walk(page, tmp_path, skip=NOT_RUN)


def test_how_to_extend_runs(tmp_path: Path) -> None:
    walk(TUTORIAL[0].parents[1] / "extending.md", tmp_path)


PRINTED = "weights   33.9 kB  ███ 90.1 %\nram   1.8 kB\npage: /a/b/results/x/page.html\n"


@pytest.mark.parametrize(
    "shown",
    [
        "weights 1 kB █ 5 %",
        "weights 1 kB 5 %\nram 2 kB",
        "weights 1 kB 5 %\n...\npage: results/x/page.html",
        "ram 2 ...",
    ],
)
def test_output_of_the_same_shape_is_found(shown: str) -> None:
    assert first_missing(shown, PRINTED) is None


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        ("weights 1 MB 5 %", "weights N MB N %"),  # another unit
        ("ram 2 kB\nweights 1 kB 5 %", "weights N kB N %"),  # another order
        ("weights 1 kB 5 %\npage: results/x/page.html", "page: results/x/page.html"),  # a line between
    ],
)
def test_output_of_another_shape_is_not(shown: str, missing: str) -> None:
    assert first_missing(shown, PRINTED) == missing
