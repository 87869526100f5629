"""What reads records, and the contract checks, open no connection."""

from pathlib import Path

import pytest
from experiments import experiment
from fuzzing import OutsideError, no_network
from synthetic import make_records

from suite.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "example", "--format", "csv,html"],
        ["show", "example", "--best"],
        ["status", "example"],
        ["export", "example", "table.csv"],
        ["data"],
        ["data", "verify"],
        ["list"],
        ["check", "gap8", "digits", "image_classification", "hand_tuned"],
    ],
    ids=" ".join,
)
def test_no_connection_is_opened(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    experiment(tmp_path / "results", *make_records(1)[:2])
    with no_network():
        assert main(arguments) == 0


def test_a_connection_would_be_seen() -> None:
    import socket

    with no_network(), pytest.raises(OutsideError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
