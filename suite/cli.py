"""The command line: `suite VERB ...`. Exit codes: 0 all well, 1 runs or checks failed, 2 bad input."""

import argparse
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

from suite import __version__
from suite.errors import SuiteError
from suite.store import Store, collector_paused

log = logging.getLogger("suite")


def run(arguments: Sequence[str]) -> int:
    """`suite run`: Hydra composes, the harness runs."""
    from suite.run_verb import main  # with torch and Hydra, which no other verb waits for

    return main(arguments)


def report(arguments: Sequence[str]) -> int:
    """`suite report`: tables, figures and page from records alone."""
    parser = _parser("report", "Write tables, figures and one HTML page from an experiment's records.")
    _experiment_arguments(parser)
    several: dict[str, Any] = {"action": "extend", "type": _words, "default": []}
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
    with collector_paused():
        from suite.report.build import Report, Wanted, console_table

        wanted = Wanted.of(options.only, options.format, options.figure, options.style)
        found = Report.of(_existing_store(options))
    gc.freeze()  # modules and thousands of records, in use until we end: nothing that a collection should go through
    written = found.write(wanted)
    if "tables" in wanted.kinds:
        _console().print(console_table(found.df, found.tables["main"][0]))
    print(f"{'page' if written.is_file() else 'written to'}: {written}")
    return 0


def status(arguments: Sequence[str]) -> int:
    """`suite status`: what an experiment has done and what is missing."""
    from suite.status import status_view

    parser = _parser("status", "List an experiment's runs: done, running, failed, missing, unreadable.")
    _experiment_arguments(parser)
    parser.add_argument(
        "--only", metavar="STATE", action="extend", type=_words, default=[], help="runs in these states"
    )
    options = parser.parse_args(arguments)
    console = _console()
    console.print(status_view(_existing_store(options), console.width, options.only))
    return 0


def export(arguments: Sequence[str]) -> int:
    """`suite export`: all runs as one tidy file."""
    from suite.export import export

    parser = _parser("export", "Write an experiment as one tidy file, a row a run, failed ones included.")
    parser.add_argument("experiment", help="its folder, or name in results/")
    parser.add_argument("file", type=Path, help="a .csv or .parquet file; docs/reading-the-report.md has its columns")
    options = parser.parse_args(arguments)
    rows = export(_existing_store(options), options.file)
    print(f"{rows} rows: {options.file}")
    return 0


def merge(arguments: Sequence[str]) -> int:
    """`suite merge`: join the records of several machines."""
    from suite.merge import merge

    parser = _parser(
        "merge",
        "Join experiments of several machines: copy to the first what the others have and it has not, with the "
        "artefacts that runs share. Nothing is copied where two have different results of one run.",
    )
    parser.add_argument("experiment", help="the folder that the others are joined to, or its name in results/")
    parser.add_argument("others", nargs="+", metavar="other", help="folders to take from; they are left as they are")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="join all of them in this folder instead")
    options = parser.parse_args(arguments)
    stores = [_store_at(name) for name in (options.experiment, *options.others)]
    into = stores[0] if options.into is None else Store(options.into.resolve().parent, options.into.resolve().name)
    merged = merge(into, stores if options.into else stores[1:])
    for line in merged.left_out:
        log.warning("left out: %s", line)
    print(f"{merged.line}: {into.folder}")
    return 1 if merged.left_out else 0


def list_(arguments: Sequence[str]) -> int:
    """`suite list`: the choices of each group."""
    from suite.catalogue import catalogue_table

    parser = _parser("list", "List benchmarks, methods, devices, presets and experiments.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    options = parser.parse_args(arguments)
    _console().print(catalogue_table(options.config_dir))
    return 0


def data(arguments: Sequence[str]) -> int:
    """`suite data`: where each benchmark's data is; prepare or verify it."""
    from suite.data_verbs import main

    return main(_parser("data", "Show each benchmark's data: present or not, where, licence, size."), arguments)


def check(arguments: Sequence[str]) -> int:
    """`suite check`: the contract tests over every method, benchmark and device."""
    from suite.check import run_checks

    parser = _parser("check", "Run the contract tests over every method, benchmark and device, on tiny data.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own, checked as well")
    parser.add_argument("only", nargs="*", help="names to check, all by default")
    options = parser.parse_args(arguments)
    results = run_checks(options.config_dir, options.only)
    console = _console()
    for result in results:
        console.print(result.line, highlight=False, markup=False)
    failed = sum(result.outcome == "FAIL" for result in results)
    print(f"{len(results)} checks, {failed} failed")
    return 1 if failed else 0


VERBS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "run": (run, "search networks and record them (suite run --help)"),
    "status": (status, "what an experiment has done and what is missing"),
    "report": (report, "tables, figures and a page from records"),
    "export": (export, "all runs as one CSV or Parquet file"),
    "merge": (merge, "join the records of several machines"),
    "list": (list_, "benchmarks, methods, devices, presets, experiments"),
    "data": (data, "where each benchmark's data is; prepare or verify it"),
    "check": (check, "contract tests over all of them, yours included"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Dispatch to a verb; bad input ends with its message and code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:  # modules beside the user's YAML files can be named, as with `python -m suite`
        sys.path.insert(0, "")
    set_up_logging()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if arguments[0] == "--version":
        print(f"suite {__version__}")
        return 0
    if arguments[0] not in VERBS:
        complain(SuiteError(f"suite {arguments[0]}: no such verb. Choices: {', '.join(VERBS)}"))
        return 2
    try:
        return VERBS[arguments[0]][0](arguments[1:])
    except SuiteError as error:
        complain(error)
        return 2


def set_up_logging() -> None:
    """Our lines from INFO, bare, on standard error; where it was done before, nothing changes."""
    logging.basicConfig(
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_level=False, show_time=False)]
        if sys.stderr.isatty()
        else None,
    )
    log.setLevel(logging.INFO)  # ours alone: libraries speak up at warnings


def _usage() -> str:
    verbs = "\n".join(f"  {name:<8}{text}" for name, (_, text) in VERBS.items())
    return f"usage: suite VERB ...\n\nBenchmarking of hardware-constrained NAS on TinyML tasks.\n\n{verbs}"


def complain(error: SuiteError) -> None:
    """Print what the user can mend, on standard error."""
    print(f"error: {error}", file=sys.stderr)


def _parser(verb: str, text: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"suite {verb}", description=text)


def _experiment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", nargs="?", default="results/default", help="its folder, or name in results/")


def _existing_store(options: argparse.Namespace) -> Store:
    return _store_at(options.experiment)


def _store_at(name: str) -> Store:
    folder = Path(name)
    if not (folder / "runs").is_dir() and (Path("results") / folder / "runs").is_dir():
        folder = Path("results") / folder
    if not (folder / "runs").is_dir():
        root = folder.parent if folder.parent.is_dir() else Path("results")
        known = sorted(p.parent.name for p in root.glob("*/runs")) if root.is_dir() else []
        raise SuiteError(f"{name}: no records there. Experiments in {root}: {', '.join(known) or 'none'}")
    return Store(folder.resolve().parent, folder.resolve().name)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140)
