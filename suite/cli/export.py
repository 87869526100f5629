"""`suite export`: all runs of an experiment as one tidy file."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import existing_store, verb_parser
from suite.records.export import export


def main(arguments: Sequence[str]) -> int:
    """Write the file and print its number of rows."""
    parser = verb_parser("export", "Write an experiment as one tidy file, a row a run, failed ones included.")
    parser.add_argument("experiment", help="its folder, or name in results/")
    parser.add_argument("file", type=Path, help="a .csv or .parquet file; docs/reading-the-report.md has its columns")
    options = parser.parse_args(arguments)
    rows = export(existing_store(options.experiment), options.file)
    print(f"{rows} rows: {options.file}")
    return 0
