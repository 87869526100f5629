"""What the verbs share: logging, error messages, argument parsers, and the experiment that an argument names."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from suite import SuiteError, did_you_mean
from suite.records.archive import ARCHIVE_NAME
from suite.records.store import Store

log = logging.getLogger("suite")


def set_up_logging() -> None:
    """Log the suite's lines from INFO, bare, to standard error; does nothing where logging was set up before."""
    logging.basicConfig(
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_level=False, show_time=False)]
        if sys.stderr.isatty()
        else None,
    )
    log.setLevel(logging.INFO)  # ours alone: libraries speak up at warnings


def print_error(error: SuiteError) -> None:
    """Print what the user can mend, on standard error."""
    print(f"error: {error}", file=sys.stderr)


def verb_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The argument parser of `suite VERB`."""
    return argparse.ArgumentParser(prog=f"suite {verb}", description=description)


def experiment_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The argument parser of a `suite VERB` that takes an experiment, its folder or its name in results/."""
    parser = verb_parser(verb, description)
    parser.add_argument("experiment", nargs="?", default="results/default", help="its folder, or name in results/")
    return parser


def run_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The argument parser of a `suite VERB` that takes a run, as `suite.deploy.find_run` does."""
    parser = verb_parser(verb, description)
    parser.add_argument("run", metavar="RUN", help="a run's folder or id; with --best an experiment")
    parser.add_argument("--best", action="store_true", help="the experiment's best run within its budget (validation)")
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="the folder of experiments")
    return parser


def existing_store(name: str) -> Store:
    """The store of an experiment that has records, by its folder or its name in results/.

    Raises:
        SuiteError: nothing is recorded there; the text lists the experiments that are.
    """
    given = Path(name)
    for folder in (given, Path("results") / given):
        if _has_records(folder):
            return Store(folder.resolve().parent, folder.resolve().name)
    root = given.parent if given.parent != Path() and given.parent.is_dir() else Path("results")
    known = experiments(root)
    hint = did_you_mean(given.name, known)
    raise SuiteError(f"{name}: no records there.{hint} Experiments in {root}: {', '.join(known) or 'none'}")


def experiments(root: Path = Path("results")) -> list[str]:
    """The names of the folders that have records."""
    return sorted(p.name for p in root.iterdir() if _has_records(p)) if root.is_dir() else []


def _has_records(folder: Path) -> bool:
    return (folder / "runs").is_dir() or (folder / ARCHIVE_NAME).is_file()


def add_words_argument(parser: argparse.ArgumentParser, option: str, metavar: str, about: str) -> None:
    """Add an option that takes several words, "a, b", and may be repeated."""
    parser.add_argument(option, metavar=metavar, action="extend", type=_split_words, default=[], help=about)


def _split_words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def check_choices(option: str, given: Sequence[str], choices: Sequence[str]) -> None:
    """Refuse what was given to an option and is not among its choices, which the error lists."""
    if unknown := [name for name in given if name not in choices]:
        hint = did_you_mean(unknown[0], choices)
        raise SuiteError(f"{option} {','.join(unknown)}: choices are {', '.join(choices)}.{hint}".rstrip("."))


class _OutputConsole(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would end with exit code 1; the verb ends as it does after `print`


def output_console() -> Console:
    """Standard output; 140 columns wide where it is not a terminal."""
    return _OutputConsole(width=None if sys.stdout.isatty() else 140)
