"""`suite report`: tables, figures and page from records alone."""

from collections.abc import Sequence

from rich.text import Text

from suite.cli.console import add_words_argument, check_choices, existing_store, experiment_parser, output_console


def main(arguments: Sequence[str]) -> int:
    """Write the report of one experiment and print its main table."""
    from suite.report.figures.catalogue import KINDS

    parser = experiment_parser("report", "Write tables, figures and one HTML page from an experiment's records.")
    add_words_argument(parser, "--figure", "KIND", f"draw figures of this kind alone: {', '.join(KINDS)}")
    add_words_argument(
        parser, "--format", "FORMAT", "csv, md, tex (tables), png, pdf (figures), html (the page); all by default, png "
        "and pdf with one of --figure, --width and --font",
    )  # fmt: skip
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
    from suite.report.build import FORMATS, Report
    from suite.report.figures.format import FigureFormat
    from suite.report.tables.console import console_table
    from suite.report.tables.findings import find

    form = FigureFormat.from_options(options.width, options.font)
    check_choices("--figure", options.figure, list(KINDS))
    check_choices("--format", options.format, FORMATS)
    figures_alone = bool(options.figure or options.width or options.font)
    formats = options.format or (["png", "pdf"] if figures_alone else FORMATS)
    result = Report.load(existing_store(options.experiment))
    written = result.write(formats, options.figure, form)
    if not figures_alone:
        console = output_console()
        console.print(console_table(result.df, result.tables["main"].raw))
        for sentence in find(result.df):  # in lines of whole words on a terminal, in one elsewhere
            console.print(Text(sentence), soft_wrap=not console.is_terminal)
    print(f"{'page' if written.is_file() else 'written to'}: {written}")
    return 0
