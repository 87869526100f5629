"""Every command line of README.md and docs/, in blocks and in sentences.

- `suite run` is planned, without data and without training: names, keys, choices and reachable budgets. Of a sweep the
  first job is planned, and each job that differs from it in one value: every value once, not every combination, and no
  second seed. Of an experiment's file not every budget either: tests/config has the files' own tests.
- Other verbs run on two recorded runs, which every experiment that a command names consists of. `suite report` without
  `--format` or `--figure` writes tables alone, or one figure (test_recorded_results.py writes whole reports).
- `make` targets exist. A verb that a sentence names without arguments exists.
- `PARSED` lists what is parsed and not run, and why. A command that no rule knows fails.

The blocks of the tutorial and of extending.md really run, in test_tutorial.py.
"""

import argparse
import itertools
import re
import shutil
import tomllib
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from checkout import RESULTS, ROOT
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from no_data import plan_without_data
from pages import PAGES, TUTORIAL, blocks, command_lines, words

from suite.cli.main import VERBS, main
from suite.config.plan import make_plan
from suite.config.sweep import jobs_of, parts

PARSED = {
    "suite deploy": "needs the extra deploy: tests/deploy runs it",
    "suite data prepare": "downloads gigabytes",
    "suite data pack": "reads data of one's own: tests/cli/test_data_pack.py makes such and runs it",
    "suite device tables": "takes minutes: tests/report/test_device_tables.py compares what it writes",
    "suite check": "takes a minute: tests/engine check the same contracts; the tutorial checks its own",
    "python -m": "trains for hours: the module and its arguments are there",
    "python3 -m venv": "makes an environment",
    "pip install": "installs: files and extras are there",
    "source": "is the shell's",
    "pytest": "takes minutes: the file is there",
    "optuna-dashboard": "serves a page until it is stopped",
    "ray start": "starts a cluster: tests/cli/test_launchers.py runs one",
}
"""Beginning of a command -> why it is only parsed."""

REALLY_RUN = [*TUTORIAL, ROOT / "docs" / "extending.md"]
PLACEHOLDERS = {
    "EXPERIMENT": "digits",
    "OTHER": "other",
    "A": "digits",
    "B": "other",
    "FOLDER": "joined",
    "RUN": "results/digits/runs/*",
    "BENCHMARK": "keyword_spotting",
}
TAKES_EXPERIMENTS = ("report", "status", "export", "archive", "merge")


class Parsed(Exception):
    """Raised in the place of what a command would do once its arguments are parsed."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # no data but what is bundled
    write_files_of_all_pages(tmp_path)
    for command in commands_of(page):
        try:
            check(command)
        except (Exception, SystemExit) as error:  # named with the command, which a traceback does not show
            pytest.fail(f"{page.name}: {command}: {type(error).__name__}: {error}")


def commands_of(page: Path) -> list[str]:
    """The commands to check here: those of blocks that test_tutorial.py runs are not."""
    run = {c for block in blocks(page.read_text()) for c in block.commands if page in REALLY_RUN}
    return [c for c in command_lines(page.read_text()) if c not in run or why_parsed(c)]


def why_parsed(command: str) -> str | None:
    return next((reason for start, reason in PARSED.items() if command.startswith(start)), None)


def check(command: str) -> None:
    """Run a command, or parse it.

    Raises:
        AssertionError: what it names is not there, or it fails.
    """
    plain = (re.sub(r"^\[|(?<!\')\]$", "", word) if "[" not in word[1:] else word for word in words(command))
    arguments = list(dict.fromkeys(PLACEHOLDERS.get(word, word) for word in plain if word != "..."))
    match arguments:
        case ["make", target, *_]:
            assert target in make_targets()
        case ["suite", verb]:
            assert verb in VERBS
        case ["suite", "device", "show" | "fit" | "tables"]:
            import_module("suite.cli.device")
        case ["suite", "data", "pack"]:
            import_module("suite.cli.data_pack")
        case ["suite", "diff", run]:  # RUN RUN, which were told apart above no more
            record_two_runs(Path("results/digits"))
            assert main(["diff", *map(str, sorted(Path().glob(run))[:2])]) in (0, 1)
        case ["suite", "run", *rest]:
            plan([word for word in rest if word != "--dry-run"])
        case ["suite", verb, *rest] if why_parsed(command):
            parse(verb, rest)
        case ["suite", verb, *rest]:
            run_verb(verb, rest)
        case _:
            assert why_parsed(command), "no rule knows this command"
            look_up(arguments)


def plan(arguments: list[str]) -> None:
    if "hydra/launcher=ray" in arguments and find_spec("hydra_plugins.hydra_ray_launcher") is None:  # its extra
        arguments = [word for word in arguments if not re.match(r"\+?hydra[/.]launcher", word)]
    with pytest.MonkeyPatch.context() as patched:
        plan_without_data(patched)
        one_value_at_a_time(patched, ("seed=", "budget=") if any("experiment=" in a for a in arguments) else ("seed=",))
        for job in itertools.chain.from_iterable(map(jobs_of, parts(arguments))):
            job.compute = "cpu"
            make_plan(job)


def run_verb(verb: str, arguments: list[str]) -> None:
    if verb in TAKES_EXPERIMENTS:
        number = len(arguments) if verb == "merge" else 1
        for name in (word for word in arguments[:number] if not word.startswith("-") and word != "joined"):
            record_two_runs(Path("results") / Path(name).name)
    if verb == "show":
        record_two_runs(Path("results/digits"))
        arguments = [str(next(Path().glob(word))) if "*" in word else word for word in arguments]
    if verb == "report" and not {"--format", "--figure", "--width", "--font"} & set(arguments):
        of_figures = {"--width", "--font"} & set(arguments)
        arguments = [*arguments, *(["--figure", "forest"] if of_figures else ["--format", "md"])]
    assert main([verb, *arguments]) == 0


def parse(verb: str, arguments: list[str]) -> None:
    """Parse what would take too long; the verb's parser stops it."""
    name = "parse_intermixed_args" if verb == "deploy" else "parse_args"
    original = getattr(argparse.ArgumentParser, name)

    def parse_and_stop(self: argparse.ArgumentParser, *given: object) -> None:
        original(self, *given)
        raise Parsed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, name, parse_and_stop)
        with pytest.raises(Parsed):
            main([verb, *arguments])


def look_up(arguments: list[str]) -> None:
    """Files, modules and extras that a command of another program names."""
    if arguments[1:2] == ["-m"]:
        assert find_spec(arguments[2]) is not None
    for word in arguments[1:]:
        if word.endswith((".txt", ".py")):
            assert (ROOT / word).is_file()
        if extras := re.fullmatch(r"\.\[(.+)\]", word):
            known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(extras[1].split(",")) <= set(known)


def make_targets() -> set[str]:
    (line,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(line.split())


def one_value_at_a_time(patched: pytest.MonkeyPatch, first_only: tuple[str, ...]) -> None:
    """Of a sweep keep the first job, and those that differ from it in one override that is not one of `first_only`."""
    original = BasicSweeper.split_arguments

    def few(*given: object, **options: object) -> list[list[list[str]]]:
        (jobs,) = original(*given, **options)
        others = [(job, [a for a, b in zip(job, jobs[0], strict=True) if a != b]) for job in jobs[1:]]
        return [jobs[:1] + [job for job, new in others if len(new) == 1 and not new[0].startswith(first_only)]]

    patched.setattr(BasicSweeper, "split_arguments", few)


def record_two_runs(folder: Path) -> None:
    """Make an experiment of two recorded runs, whatever was there before."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(RESULTS / "digits" / "records.zip") as archive:
        names = archive.namelist()
        runs = sorted({name.split("/")[1] for name in names})[:2]
        archive.extractall(folder, [name for name in names if name.split("/")[1] in runs])


def write_files_of_all_pages(folder: Path) -> None:
    record_two_runs(folder / "results" / "default")
    run = next((folder / "results" / "default" / "runs").iterdir()).name
    for page in PAGES:
        for block in blocks(page.read_text()):
            if block.file:
                (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.file).write_text(block.text.replace("<id>", run))


def test_every_reason_is_needed() -> None:
    commands = [command for page in PAGES for command in commands_of(page)]
    assert {start for start in PARSED if not any(c.startswith(start) for c in commands)} == set()


def test_commands_are_found_wherever_they_stand() -> None:
    text = "`suite show RUN`\n\n    suite run a=1 \\\n        b=2   # why\n    make test    all\n\n"
    text += "```bash\npython x.py\n```\n"
    assert command_lines(text) == ["python x.py", "suite run a=1 b=2", "make test", "suite show RUN"]


@pytest.mark.parametrize(
    "wrong",
    ["suite run budget.wieghts=25%", "suite run method=none_such", "suite run +experiment=none_such", "make none",
     "suite report digits --format pages", "suite deploy", "suite data prepare none --fast", "pip install -e '.[none]'",
     "python -m suite.none", "pytest tests/none.py", "suite export digits runs.txt", "suite none"],
)  # fmt: skip
def test_a_wrong_command_is_found(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if wrong == "suite deploy":  # a mention of the verb
        check(wrong)
        wrong = "suite deploy --worst"
    with pytest.raises((Exception, SystemExit)):
        check(wrong)
