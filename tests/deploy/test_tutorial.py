"""The tutorial's page of boards with its last command, which needs the converter."""

from pathlib import Path

import pytest
from pages import TUTORIAL
from walk_page import walk

pytestmark = pytest.mark.deploy


def test_the_network_is_deployed_as_the_page_shows(tmp_path: Path) -> None:
    (page,) = (page for page in TUTORIAL if page.stem == "your-board")
    walk(page, tmp_path, skip=("python3 -m venv ", "source ", "pip install "))
