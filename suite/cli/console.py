"""What the verbs share: logging, error messages, argument parsers, and the experiment that an argument names."""

import argparse
import logging
import sys
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


def add_experiment_argument(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument `experiment`, a folder or a name in results/."""
    parser.add_argument("experiment", nargs="?", default="results/default", help="its folder, or name in results/")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument `run`, as `suite.deploy.find_run` takes it, and where it is looked for."""
    parser.add_argument("run", metavar="RUN", help="a run's folder or id; with --best an experiment")
    parser.add_argument("--best", action="store_true", help="the experiment's best run within its budget (validation)")
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="the folder of experiments")


def existing_store(name: str) -> Store:
    """The store of an experiment that has records, by its folder or its name in results/.

    Raises:
        SuiteError: nothing is recorded there; the text lists the experiments that are.
    """
    folder = Path(name)
    if not _has_records(folder) and _has_records(Path("results") / folder):
        folder = Path("results") / folder
    if not _has_records(folder):
        root = folder.parent if folder.parent != Path() and folder.parent.is_dir() else Path("results")
        known = experiments(root)
        hint = did_you_mean(folder.name, known)
        listed = f"Experiments in {root}: {', '.join(known) or 'none'}"
        raise SuiteError(" ".join(filter(None, (f"{name}: no records there.", hint, listed))))
    return Store(folder.resolve().parent, folder.resolve().name)


def experiments(root: Path = Path("results")) -> list[str]:
    """The names of the folders that have records."""
    return sorted(p.name for p in root.iterdir() if _has_records(p)) if root.is_dir() else []


def _has_records(folder: Path) -> bool:
    return (folder / "runs").is_dir() or (folder / ARCHIVE_NAME).is_file()


def split_words(text: str) -> list[str]:
    """The words of "a, b" without blanks: the type of options that take several values."""
    return [word.strip() for word in text.split(",") if word.strip()]


class _OutputConsole(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would end with exit code 1; the verb ends as it does after `print`


def output_console() -> Console:
    """Standard output; 140 columns wide where it is not a terminal."""
    return _OutputConsole(width=None if sys.stdout.isatty() else 140)
