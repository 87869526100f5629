"""`suite report`: tables, figures and page from records alone."""

from collections.abc import Sequence
from typing import Any

from suite.cli.console import add_experiment_argument, existing_store, output_console, split_words, verb_parser


def main(arguments: Sequence[str]) -> int:
    """Write the report of one experiment and print its main table."""
    parser = verb_parser("report", "Write tables, figures and one HTML page from an experiment's records.")
    add_experiment_argument(parser)
    several: dict[str, Any] = {"action": "extend", "type": split_words, "default": []}
    parser.add_argument("--only", metavar="KIND", **several, help="tables, figures or page; all three by default")
    parser.add_argument("--figure", metavar="NAME", **several, help="draw this figure alone, by its file's name")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        **several,
        help="csv, md, tex for tables (all three by default), png, pdf, svg for figures (png and pdf by default)",
    )
    parser.add_argument(
        "--style", default="paper", help="paper (default), or slides: figures for a projector, in report/slides/"
    )
    parser.epilog = "KIND, NAME and FORMAT may be repeated, or several with commas between them."
    options = parser.parse_args(arguments)
    from suite.report.build import Report
    from suite.report.request import ReportRequest
    from suite.report.tables.console import console_table
    from suite.report.tables.findings import find

    request = ReportRequest.from_options(options.only, options.format, options.figure, options.style)
    result = Report.load(existing_store(options.experiment))
    written = result.write(request)
    if "tables" in request.kinds:
        output_console().print(console_table(result.df, result.tables["main"].raw))
        print(*find(result.df), sep="\n")
    print(f"{'page' if written.is_file() else 'written to'}: {written}")
    return 0
