"""`suite data`: what data is where, prepared from official archives or of one's own on request, and checked."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.table import Table

from suite import SuiteError
from suite.benchmarks.anomaly_detection import WindowSource
from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.cli import data_pack
from suite.cli.console import output_console, verb_parser
from suite.config.build import build, plain
from suite.config.catalogue import Entry, catalogue
from suite.data.base import Source
from suite.data.cache import file_digest, format_megabytes
from suite.data.official import OfficialSource
from suite.data.pack import PackSource
from suite.data.progress import terminal_progress

Finding = tuple[str, bool]
"""One line of `suite data verify`, and whether it tells of damage."""


def main(arguments: Sequence[str]) -> int:
    """Run `suite data ...`; the exit code is 1 where data is damaged."""
    parser = verb_parser("data", "Show each benchmark's data: present or not, where, licence, size.")
    _add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.verb == "prepare":
        try:
            print("\n".join(prepare(options.benchmark, options.folder, options.config_dir, force=options.force)))
        except KeyboardInterrupt:
            print("interrupted: what has arrived is kept, the same command continues", file=sys.stderr)
            return 130
        return 0
    if options.verb == "pack":
        return data_pack.main(options)
    if options.verb == "verify":
        damaged = 0
        for line, is_damaged in verify(options.benchmarks, options.config_dir):
            print(line, flush=True)
            damaged += is_damaged
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
    text = "Check archives that are here against their checksums, and decode packs. Exit code 1: damaged."
    verifying = verbs.add_parser("verify", help="check what is here, downloading nothing", description=text)
    verifying.add_argument("benchmarks", nargs="*", metavar="benchmark", help="names in `suite list`, all by default")
    for verb in (preparing, verifying, data_pack.add_parser(verbs)):
        # no default, which would undo what stands before the verb
        verb.add_argument("--config-dir", type=Path, default=argparse.SUPPRESS, help=about)


def data_table(config_dir: Path | None) -> Table:
    """Each benchmark's data as its source describes it; downloads nothing."""
    table = Table(box=None, padding=(0, 2))
    for column in ("benchmark", "present", "size", "licence", "what", "where"):
        table.add_column(column, no_wrap=column in ("benchmark", "present", "size"), overflow="fold")
    for entry in _named((), config_dir):
        try:
            facts = _build(entry).source().describe()
        except SuiteError as error:
            facts = {"present": "no", "location": str(error)}
        keys = ("present", "size", "licence", "title", "location")
        table.add_row(entry.name, *(facts.get(key, "") for key in keys))
    return table


def prepare(name: str, folder: Path | None, config_dir: Path | None, *, force: bool) -> Iterator[str]:
    """Make the prepared pack of a benchmark and say where it is, its size and its SHA-256.

    Raises:
        SuiteError: no such benchmark or folder, or the data cannot be downloaded, verified or written.
    """
    if folder is not None and not folder.is_dir():
        raise SuiteError(f"--folder={folder}: no such folder")
    benchmark = _build(_named([name], config_dir)[0])
    official = next((source for source in _file_sources(benchmark) if isinstance(source, OfficialSource)), None)
    used = benchmark.source()
    if official is None:
        yield f"{name}: {used.describe()['location']}, nothing to prepare"
        return
    official = replace(official, folder=folder or official.folder, download=True)
    with terminal_progress() as report_progress:
        pack = official.prepare(report_progress, force=force)
    yield f"prepared  {pack}"
    yield f"size      {format_megabytes(pack.stat().st_size)}"
    yield f"sha256    {file_digest(pack)}"
    if not isinstance(_file_source(used), OfficialSource):
        yield f"note      runs read {used.describe()['location']} instead, which comes first"


def verify(names: Sequence[str], config_dir: Path | None) -> Iterator[Finding]:
    """Check archives against their checksums, packs by decoding all of them.

    What is not here is not damaged, and is not downloaded.

    Raises:
        SuiteError: no benchmark has one of the names.
    """
    for entry in _named(names, config_dir):
        try:
            sources = _file_sources(_build(entry))
        except SuiteError as error:
            yield f"{entry.name}: not checked: {error}", False
            continue
        findings = [finding for source in sources for finding in _checked(source)]
        locations = ", ".join(source.describe()["location"] for source in sources)
        for line, damaged in dict.fromkeys(findings or [(f"not here: {locations or 'no data is named'}", False)]):
            yield f"{entry.name}: {line}", damaged


def _file_sources(benchmark: Benchmark) -> list[Source]:
    """The sources of files: of what runs read, and of the official data where a pack comes first; each once."""
    sources: list[Source] = []
    for make in (benchmark.source, getattr(benchmark, "official", None)):
        with suppress(SuiteError):  # this benchmark is read from a pack, and none is named
            if make is not None and (source := _file_source(make())) not in sources:
                sources.append(source)
    return sources


def _file_source(source: Source) -> Source:
    """The source of files behind one that only changes what they give."""
    return source.clips if isinstance(source, WindowSource) else source


def _named(names: Sequence[str], config_dir: Path | None) -> list[Entry]:
    """The benchmarks of these names, all where there are none."""
    entries = {entry.name: entry for entry in catalogue(config_dir) if entry.group == "benchmark"}
    if unknown := [name for name in names if name not in entries]:
        raise SuiteError(f"{unknown[0]}: no such benchmark. Choices: {', '.join(entries)}")
    return [entries[name] for name in names or entries]


def _build(entry: Entry) -> Benchmark:
    benchmark: Benchmark = build(benchmark_settings(plain(entry.node)), f"benchmark {entry.name}")
    return benchmark


def _checked(source: Source) -> Iterator[Finding]:
    if isinstance(source, OfficialSource):
        for archive in source.preparation.archives:
            if path := source.local_archives().get(archive.name):
                yield _finding("archive", path, archive.describe_damage(path), archive.checksum)
        if source.prepared.is_file():
            yield _decoded(PackSource(source.prepared, source.benchmark), "prepared")
    elif isinstance(source, PackSource):
        if source.path.is_file():
            yield _decoded(source, "pack")
    else:
        yield f"{source.describe()['location']}, ok", False


def _finding(kind: str, path: Path, damage: str | None, good: str) -> Finding:
    return f"{kind} {path}: {f'DAMAGED: {damage}' if damage else f'ok, {good}'}", damage is not None


def _decoded(source: PackSource, kind: str) -> Finding:
    """A pack: every array is read, every image decoded."""
    try:
        with tempfile.TemporaryDirectory() as cache:
            data = source.load(Path(cache))
        with np.load(source.path, allow_pickle=False) as pack:
            for name in pack.files:
                _ = pack[name]  # against its CRC
    except Exception as error:  # PackSource names the file and what is wrong; others are damaged bytes
        text = str(error).removeprefix(f"benchmark.data.pack={source.path}: ")
        return _finding(kind, source.path, text, "")
    examples = "/".join(f"{len(split):,}" for split in (data.train, data.validation, data.test))
    return _finding(kind, source.path, None, f"{examples} examples, sha256:{source.fingerprint()}")
