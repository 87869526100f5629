"""A missing extra is an error that says what to install, before anything is trained or written."""

from importlib import util
from pathlib import Path

import pytest

from suite import SuiteError
from suite.cli.main import main
from suite.deploy import extras


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {module for modules in extras.EXTRAS.values() for module in modules}
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in absent else util.find_spec(name))


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize("extra", extras.EXTRAS)
def test_what_is_missing_is_named_with_the_line_that_installs_it(extra: str) -> None:
    with pytest.raises(SuiteError, match=rf"x needs {extras.EXTRAS[extra][0]}.*pip install .*\[{extra}\]"):
        extras.require_extra(extra, "x")


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize("arguments", [["deploy", "anything"], ["run", "preset=smoke", "deploy=true"]])
def test_the_command_ends_with_code_2_and_leaves_nothing(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "pip install" in capsys.readouterr().err
    assert not list(tmp_path.rglob("record.json"))
