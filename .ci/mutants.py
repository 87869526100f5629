"""Mutation testing: a random sample of mutants of the modules in mutants.toml, and whether the modules' tests fail.

    python .ci/mutants.py --sample 400 --seed 0 --jobs 2
    python .ci/mutants.py --again --jobs 2

A mutant is a module with one token changed, such as `<` to `<=`, by an operator of Cosmic Ray. Killed: a test fails.
Survived: all pass. Timed out: the tests take ten times as long as without the change; this is not a kill. Mutants are
made in clones of HEAD under build/mutants. A table that is there is continued. `--again` tries those of a table that no
test killed against the tests of today, and replaces their rows; others it leaves as they are.
"""

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parent.parent
CLONES = ROOT / "build" / "mutants"
# Types, decorators, and arithmetic that becomes an operation on bits: such mutants fail at once wherever they run, and
# would only flatter the rate.
LEFT_OUT = ("RemoveDecorator", "Bit", "Shift")
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow and not deploy and not faults")
TESTS_FAILED = 1


@dataclass(frozen=True)
class Mutant:
    """One change that an operator can make to a module: the `occurrence`-th, at a line and column."""

    module: str
    operator: str
    occurrence: int
    line: int
    column: int


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and its changed lines."""

    outcome: str
    seconds: int
    before: str
    after: str


def all_mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree = get_ast_from_path(ROOT / module)
    for name in operator_names():
        operator = get_operator(name)
        if any(part in name for part in LEFT_OUT) or operator.arguments():
            continue
        starts = [start for node in ast_nodes(tree) for start, _ in operator().mutation_positions(node)]
        yield from (Mutant(module, name.removeprefix("core/"), n, *start) for n, start in enumerate(starts))


def sampled(modules: Iterable[str], size: int, seed: int) -> list[Mutant]:
    """A random sample of places in the modules, and at each one of its mutants."""
    places = defaultdict(list)
    for mutant in (mutant for module in modules for mutant in all_mutants(module)):
        places[mutant.module, mutant.line, mutant.column].append(mutant)
    rng = random.Random(seed)
    chosen = sorted(rng.sample(sorted(places), min(size, len(places))))
    print(f"{len(places)} places, {len(chosen)} sampled")
    return [rng.choice(places[place]) for place in chosen]


def run_tests(clone: Path, tests: list[str], seconds: float | None) -> tuple[int | None, str]:
    """Exit code and output of a module's tests in a clone; None as the code where they take longer than `seconds`."""
    environment = os.environ | {"PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *PYTEST, *tests], cwd=clone, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return None, ""
    return process.returncode, output


def usual_seconds(clone: Path, modules: dict[str, list[str]]) -> dict[str, float]:
    """Seconds that each module's tests take without a change.

    Raises:
        SystemExit: they fail.
    """
    seconds = {}
    for module, tests in modules.items():
        start = time.monotonic()
        code, output = run_tests(clone, tests, None)
        seconds[module] = time.monotonic() - start
        print(f"{module}: {seconds[module]:.0f} s", flush=True)
        if code != 0:
            raise SystemExit(f"tests of {module} fail without a mutant:\n{output}")
    return seconds


def try_mutant(mutant: Mutant, clone: Path, tests: list[str], seconds: float) -> Outcome:
    """Make the change, run the module's tests, undo it."""
    start = time.monotonic()
    path = clone / mutant.module
    with use_mutation(path, get_operator(f"core/{mutant.operator}")(), mutant.occurrence) as (before, after):
        code, _ = run_tests(clone, tests, seconds)
    outcome = {None: "timed out", 0: "survived", TESTS_FAILED: "killed"}.get(code, "failed at import")
    return Outcome(outcome, round(time.monotonic() - start), *changed_lines(before, after))


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """The first line that differs, before and after."""
    old, new = before.splitlines(), after.splitlines()
    first = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    return old[first].strip(), new[first].strip()


def same_mutant(row: dict[str, str]) -> Mutant | None:
    """The mutant of a table's row in the module as it is now, whose lines may have moved; None where it is gone."""
    code, operator = (ROOT / row["module"]).read_text(), get_operator(f"core/{row['operator']}")()
    for mutant in all_mutants(row["module"]):
        if mutant.operator == row["operator"]:
            mutated = mutate_code(code, operator, mutant.occurrence)
            if mutated is not None and changed_lines(code, mutated) == (row["before"], row["after"]):
                return mutant
    return None


def clones(jobs: int) -> Queue[Path]:
    """So many fresh clones of HEAD beside the data packs' folder."""
    queue: Queue[Path] = Queue()
    shutil.rmtree(CLONES, ignore_errors=True)
    for number in range(jobs):
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(CLONES / str(number))], check=True)
        queue.put(CLONES / str(number))
    return queue


def write_rows(path: Path, mutants: list[Mutant], outcome_of: Callable[[Mutant], Outcome], jobs: int) -> None:
    """Append a row for each mutant to the table, as they end."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file, ThreadPoolExecutor(jobs) as threads:
        writer = csv.DictWriter(file, [*Mutant.__dataclass_fields__, *Outcome.__dataclass_fields__])
        if new:
            writer.writeheader()
        for number, (mutant, outcome) in enumerate(zip(mutants, threads.map(outcome_of, mutants), strict=True), 1):
            writer.writerow(asdict(mutant) | asdict(outcome))
            file.flush()
            print(
                f"[{number}/{len(mutants)}] {outcome.outcome}: {mutant.module}:{mutant.line} {outcome.after}",
                flush=True,
            )


def read_rows(path: Path) -> list[dict[str, str]]:
    """The table's rows; none where there is no table."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def set_survivors_aside(path: Path, only: str) -> list[Mutant]:
    """Mutants of modules whose path contains `only` that no test killed and that still are: without them the table."""
    rows = read_rows(path)
    survivors = {n: row for n, row in enumerate(rows) if row["outcome"] != "killed" and only in row["module"]}
    again = {n: mutant for n, row in survivors.items() if (mutant := same_mutant(row)) is not None}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*Mutant.__dataclass_fields__, *Outcome.__dataclass_fields__])
        writer.writeheader()
        writer.writerows(row for n, row in enumerate(rows) if n not in again)
    print(f"{len(again)} mutants that no test killed")
    return list(again.values())


def not_in_table(sample: list[Mutant], path: Path) -> list[Mutant]:
    """Those of the sample that have no row yet."""
    done = {(row["module"], row["operator"], int(row["occurrence"])) for row in read_rows(path)}
    return [m for m in sample if (m.module, m.operator, m.occurrence) not in done]


def main() -> None:
    """Sample, try, print how many of each outcome there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=400, help="how many mutants (default: 400)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, help="test processes at once (default: 2)")
    parser.add_argument("--only", default="", help="modules whose path contains this text")
    parser.add_argument("--again", action="store_true", help="those of the table that no test killed, no new ones")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "mutants" / "mutants.csv")
    arguments = parser.parse_args()
    modules: dict[str, list[str]] = tomllib.loads((ROOT / ".ci" / "mutants.toml").read_text())["modules"]
    if arguments.again:
        left = set_survivors_aside(arguments.out, arguments.only)
    else:
        sample = sampled(modules, arguments.sample, arguments.seed)
        left = [m for m in not_in_table(sample, arguments.out) if arguments.only in m.module]
    queue = clones(arguments.jobs)
    needed = {module: tests for module, tests in modules.items() if any(m.module == module for m in left)}
    usual = usual_seconds(CLONES / "0", needed)

    def outcome_of(mutant: Mutant) -> Outcome:
        clone = queue.get()
        try:
            return try_mutant(mutant, clone, modules[mutant.module], 10 * usual[mutant.module])
        finally:
            queue.put(clone)

    write_rows(arguments.out, left, outcome_of, arguments.jobs)
    counts = Counter(row["outcome"] for row in read_rows(arguments.out))
    print(f"{dict(counts)}: {100 * counts['killed'] / counts.total():.1f} % killed by a test")


if __name__ == "__main__":
    main()
