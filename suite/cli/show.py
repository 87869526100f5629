"""`suite show`: one finished run, the network it found and whether that fits."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import output_console, verb_parser
from suite.cli.run_view import run_view
from suite.deploy.find_run import find_run
from suite.records.deployments import read_deployments


def main(arguments: Sequence[str]) -> int:
    """Print one run."""
    parser = verb_parser("show", "Show a finished run: score, costs against limits, widths, and what to do next.")
    parser.add_argument("run", metavar="RUN", help="a run's folder or id; with --best an experiment")
    parser.add_argument("--best", action="store_true", help="the experiment's best run within its budget (validation)")
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="the folder of experiments")
    options = parser.parse_args(arguments)
    store, record = find_run(options.run, options.results_dir, best=options.best)
    output_console().print(run_view(record, store, read_deployments(store, [record.id]).get(record.id)))
    return 0
