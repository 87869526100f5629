"""optuna-dashboard opens the study that a run leaves: its trials with scores, costs and constraints."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from optuna_runs import BUDGET, run, run_folder, stored_trials
from tasks import plan

optuna_dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing for a request."""


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a dashboard over a file, on a port that is free."""
    with make_server("127.0.0.1", 0, optuna_dashboard.wsgi(f"sqlite:///{path}"), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _read(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def test_a_runs_study_opens_in_the_dashboard(tmp_path: Path) -> None:
    made = plan("method=nsga2", "method.trials=6", *BUDGET)
    assert run(made, tmp_path).status == "done"
    folder = run_folder(made, tmp_path)
    expected = stored_trials(folder)
    with served(folder / "study.db") as address:
        (summary,) = _read(f"{address}/api/studies")["study_summaries"]
        shown = _read(f"{address}/api/studies/{summary['study_id']}?after=0")
    assert summary["study_name"] == "search"
    assert summary["directions"] == ["maximize", "minimize", "minimize"]
    assert shown["objective_names"] == ["score", "weights over reference", "latency over reference"]
    assert [(t["number"], t["state"], t["values"], t["constraints"]) for t in shown["trials"]] == [
        (t.number, "Complete", t.values, [t.constraints["weights"], t.constraints["latency"]]) for t in expected
    ]
    fits = [all(violation <= 0 for violation in t["constraints"]) for t in shown["trials"]]
    assert fits == [t.user_attrs["trial_state"] == "trained" for t in expected]
    assert set(fits) == {True, False}, "the plots show both kinds"
