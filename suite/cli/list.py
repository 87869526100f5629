"""`suite list`: the choices of each group."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from suite.cli.console import output_console, verb_parser
from suite.config.catalogue import catalogue


def main(arguments: Sequence[str]) -> int:
    """Print the catalogue."""
    parser = verb_parser("list", "List benchmarks, methods, devices, presets and experiments.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    options = parser.parse_args(arguments)
    table = Table(box=None, padding=(0, 2))
    for column in ("group", "choice", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    previous = ""
    for entry in catalogue(options.config_dir):
        group = entry.group if entry.group != previous else ""
        previous = entry.group
        table.add_row(group, entry.name, entry.about + (" (yours)" if entry.own else ""))
    output_console().print(table)
    return 0
