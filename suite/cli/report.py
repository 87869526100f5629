"""`suite report`: tables, figures and page from records alone."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from suite.cli.console import add_experiment_argument, existing_store, output_console, split_words, verb_parser


def main(arguments: Sequence[str]) -> int:
    """Write the report of one experiment and print its main table."""
    from suite.report.build import ReportRequest
    from suite.report.figures.catalogue import KINDS

    parser = verb_parser("report", "Write tables, figures and one HTML page from an experiment's records.")
    add_experiment_argument(parser)
    several: dict[str, Any] = {"action": "extend", "type": split_words, "default": []}
    parser.add_argument("--only", metavar="KIND", **several, help="tables, figures or page; all three by default")
    parser.add_argument(
        "--figure", metavar="KIND", **several, help=f"draw figures of this kind alone: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        **several,
        help="csv, md, tex for tables (all three by default), png, pdf for figures (both by default)",
    )
    parser.add_argument(
        "--width",
        default="",
        help="width of figures: single (an IEEE column, 3.5 in), double (7.16 in, the default), or as 4.7in or 120mm",
    )
    parser.add_argument(
        "--font",
        default="",
        help="type of figures, family and size in points or one of them: 'STIXGeneral 8' (by default DejaVu Sans 8.5, "
        "below 5 in DejaVu Sans 7)",
    )
    parser.epilog = "KIND and FORMAT may be repeated, or several with commas between them."
    options = parser.parse_args(arguments)
    from suite.report.build import Report
    from suite.report.tables.console import console_table
    from suite.report.tables.findings import find

    request = ReportRequest.from_options(options.only, options.format, options.figure, options.width, options.font)
    result = Report.load(existing_store(options.experiment))
    written = result.write(request)
    if "tables" in request.kinds:
        console = output_console()
        console.print(console_table(result.df, result.tables["main"].raw))
        for sentence in find(result.df):  # in lines of whole words on a terminal, in one elsewhere
            console.print(Text(sentence), soft_wrap=not console.is_terminal)
    print(f"{'page' if written.is_file() else 'written to'}: {written}")
    return 0
