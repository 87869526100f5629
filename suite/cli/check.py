"""`suite check`: the contract tests over every method, benchmark and device."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import verb_parser
from suite.engine.contract_checks import run_checks


def main(arguments: Sequence[str]) -> int:
    """Run the checks and print a line for each; exit code 1 where one failed."""
    parser = verb_parser("check", "Run the contract tests over every method, benchmark and device, on tiny data.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own, checked as well")
    parser.add_argument(
        "--method", action="append", default=[], metavar="MODULE:CLASS", help="a method without a YAML file"
    )
    parser.add_argument("only", nargs="*", help="names to check, all by default")
    options = parser.parse_args(arguments)
    results = run_checks(options.config_dir, options.only, options.method)
    print("\n".join(result.line for result in results))
    failed = sum(result.verdict == "FAIL" for result in results)
    print(f"{len(results)} checks, {failed} failed")
    return 1 if failed else 0
