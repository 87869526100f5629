"""`suite diff`: what differs between two runs."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from suite.cli.console import output_console, verb_parser
from suite.deploy.find_run import find_run
from suite.records.difference import difference
from suite.records.plan_note import PlanNote


def main(arguments: Sequence[str]) -> int:
    """Print what differs; exit code 1 where the results do."""
    parser = verb_parser("diff", "Show what differs between two finished runs: configuration, environment, result.")
    parser.add_argument("runs", nargs=2, metavar="RUN", help="a run's folder or id")
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="the folder of experiments")
    options = parser.parse_args(arguments)
    first, second = (find_run(run, options.results_dir).record for run in options.runs)
    console, sections = output_console(), difference(first, second)
    for title, values in sections.items():
        if not values:
            console.print(Text(f"{title}: the same"))
            continue
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", overflow="fold")
        for record in (first, second):
            table.add_column(f"{record.id}\n{PlanNote.of(record).label}", overflow="fold")
        for key, pair in values.items():
            texts = (f"{value:.6g}" if isinstance(value, float) else str(value) for value in pair)
            table.add_row(*map(Text, (key, *texts)))
        console.print(table)
    return 1 if sections["result"] else 0
