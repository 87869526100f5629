"""`suite data`: what data is where, prepared from official archives or of one's own on request, and checked."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.table import Table

from suite import SuiteError
from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.cli import data_pack
from suite.cli.console import output_console, verb_parser
from suite.config.build import build, plain
from suite.config.catalogue import Entry, catalogue
from suite.data.base import Source
from suite.data.cache import format_megabytes
from suite.data.official import OfficialSource
from suite.data.pack import PackSource
from suite.data.progress import terminal_progress

DAMAGED = "DAMAGED"
"""What a line of `suite data verify` says of a file that is."""


def main(arguments: Sequence[str]) -> int:
    """Run `suite data ...`; the exit code is 1 where data is damaged."""
    parser = verb_parser("data", "Show each benchmark's data: present or not, where, licence, size.")
    _add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.verb == "prepare":
        try:
            lines = prepare(options.benchmark, options.folder, force=options.force, config_dir=options.config_dir)
        except KeyboardInterrupt:
            print("interrupted: what has arrived is kept, the same command continues", file=sys.stderr)
            return 130
        print("\n".join(lines))
        return 0
    if options.verb == "pack":
        return data_pack.main(options)
    if options.verb == "verify":
        damaged = 0
        for line in verify(options.benchmarks, options.config_dir):
            print(line, flush=True)
            damaged += DAMAGED in line
        print(f"{damaged} damaged" if damaged else "nothing is damaged")
        return 1 if damaged else 0
    output_console().print(data_table(options.config_dir))
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    about = "a folder with YAML files of your own"
    parser.add_argument("--config-dir", type=Path, help=about)
    verbs = parser.add_subparsers(
        dest="verb", metavar="{prepare,verify,pack}", description="without one: list all data"
    )
    text = "Download a benchmark's official archives, verify them and turn them into the pack that runs read."
    preparing = verbs.add_parser("prepare", help="download, verify and prepare one benchmark's data", description=text)
    preparing.add_argument("benchmark", help="its name in `suite list`")
    preparing.add_argument("--folder", type=Path, help="where the archives are, if they are downloaded already")
    preparing.add_argument("--force", action="store_true", help="prepare again what is prepared")
    text = "Check the data that is here against its checksums; decode packs that have none. Exit code 1: damaged."
    verifying = verbs.add_parser("verify", help="check what is here, downloading nothing", description=text)
    verifying.add_argument("benchmarks", nargs="*", metavar="benchmark", help="names in `suite list`, all by default")
    for verb in (preparing, verifying, data_pack.add_parser(verbs)):
        # no default, which would undo what stands before the verb
        verb.add_argument("--config-dir", type=Path, default=argparse.SUPPRESS, help=about)


def data_table(config_dir: Path | None = None) -> Table:
    """Each benchmark's data as its source describes it; downloads nothing."""
    table = Table(box=None, padding=(0, 2))
    for column in ("benchmark", "present", "size", "licence", "what", "where"):
        table.add_column(column, no_wrap=column in ("benchmark", "present", "size"), overflow="fold")
    for entry in _benchmarks(config_dir):
        try:
            facts = _build(entry).source().describe()
        except SuiteError as error:
            facts = {"present": "no", "location": str(error)}
        keys = ("present", "size", "licence", "title", "location")
        table.add_row(entry.name, *(facts.get(key, "") for key in keys))
    return table


def prepare(name: str, folder: Path | None = None, *, force: bool = False, config_dir: Path | None = None) -> list[str]:
    """Make the prepared pack of a benchmark and say where it is and its size.

    Raises:
        SuiteError: no such benchmark or folder, or the data cannot be downloaded, verified or written.
    """
    if folder is not None and not folder.is_dir():
        raise SuiteError(f"--folder={folder}: no such folder")
    benchmark = _build(_named([name], config_dir)[0])
    official, used = _official(benchmark), benchmark.source()
    if official is None:
        return [f"{name}: {used.describe()['location']}, nothing to prepare"]
    official = replace(official, folder=folder or official.folder, download=True)
    with terminal_progress() as report_progress:
        path = official.prepare(report_progress, force=force)
    lines = [f"prepared  {path}", f"size      {format_megabytes(path.stat().st_size)}"]
    if _files(used) != _official(benchmark):
        lines.append(f"note      runs read {used.describe()['location']} instead, which comes first")
    return lines


def verify(names: Sequence[str] = (), config_dir: Path | None = None) -> Iterator[str]:
    """Check archives against their checksums, and packs by reading all that is in them; a line each.

    What is not here is not damaged, and is not downloaded.

    Raises:
        SuiteError: no benchmark has one of the names.
    """
    for entry in _named(names, config_dir):
        try:
            benchmark = _build(entry)
            used = _files(benchmark.source())
        except SuiteError as error:
            yield f"{entry.name}: not checked: {error}"
            continue
        official = _official(benchmark)
        lines = [line for source in dict.fromkeys((used, official)) if source for line in _checked(source, entry.name)]
        yield from (f"{entry.name}: {line}" for line in lines or [f"not here: {used.describe()['location']}"])


def _official(benchmark: Benchmark) -> OfficialSource | None:
    """A benchmark's official data, whether or not a pack comes first; None where it has none."""
    try:
        source = _files(benchmark.official())  # type: ignore[attr-defined]
    except (SuiteError, AttributeError):
        return None
    return source if isinstance(source, OfficialSource) else None


def _files(source: Source) -> Source:
    """The source of files within one that only changes what they give."""
    inner: Source = getattr(source, "clips", source)
    return inner


def _benchmarks(config_dir: Path | None) -> list[Entry]:
    return [entry for entry in catalogue(config_dir) if entry.group == "benchmark"]


def _named(names: Sequence[str], config_dir: Path | None) -> list[Entry]:
    entries = {entry.name: entry for entry in _benchmarks(config_dir)}
    for name in names:
        if name not in entries:
            raise SuiteError(f"{name}: no such benchmark. Choices: {', '.join(entries)}")
    return [entries[name] for name in names or entries]


def _build(entry: Entry) -> Benchmark:
    benchmark: Benchmark = build(benchmark_settings(plain(entry.node)), f"benchmark {entry.name}")
    return benchmark


def _checked(source: Source, name: str) -> Iterator[str]:
    if isinstance(source, OfficialSource):
        paths = source.local_archives()
        for archive in source.preparation.archives:
            if archive.name in paths:
                damage = archive.describe_damage(paths[archive.name])
                verdict = f"{DAMAGED}: {damage}" if damage else f"ok, {archive.checksum}"
                yield f"archive {paths[archive.name]}: {verdict}"
        source = PackSource(source.prepared, name)
    if not isinstance(source, PackSource):
        yield f"{source.describe()['location']}, ok"
    elif source.path.is_file():
        yield f"pack {source.path}: {_decoded(source)}"


def _decoded(source: PackSource) -> str:
    """Every array is read, against its CRC, and every image decoded."""
    try:
        with tempfile.TemporaryDirectory() as cache:
            data = source.load(Path(cache))
        with np.load(source.path, allow_pickle=False) as pack:
            for name in pack.files:
                _ = pack[name]
    except Exception as error:  # PackSource names the file and what is wrong; others are damaged bytes
        return f"{DAMAGED}: {str(error).removeprefix(f'benchmark.data.pack={source.path}: ')}"
    examples = "/".join(f"{len(split):,}" for split in (data.train, data.validation, data.test))
    return f"ok, {examples} examples, sha256:{source.fingerprint()}"
