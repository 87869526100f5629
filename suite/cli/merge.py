"""`suite merge`: join the records of several machines."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.console import existing_store, log, verb_parser
from suite.records.merge import merge
from suite.records.store import Store, check_experiment_name


def main(arguments: Sequence[str]) -> int:
    """Join the experiments; exit code 1 where a run was left out."""
    parser = verb_parser(
        "merge",
        "Join experiments of several machines: copy to the first what the others have and it has not, with the "
        "artefacts that runs share. Nothing is copied where two have different results of one run.",
    )
    parser.add_argument("experiment", help="the folder that the others are joined to, or its name in results/")
    parser.add_argument("others", nargs="+", metavar="other", help="folders to take from; they are left as they are")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="join all of them in this folder instead")
    options = parser.parse_args(arguments)
    stores = [existing_store(name) for name in (options.experiment, *options.others)]
    if options.into is not None:
        check_experiment_name(options.into.resolve().name, "--into")
    into = stores[0] if options.into is None else Store(options.into.resolve().parent, options.into.resolve().name)
    merged = merge(into, stores if options.into else stores[1:])
    for line in merged.left_out:
        log.warning("left out: %s", line)
    print(f"{merged.line}: {into.folder}")
    return 1 if merged.left_out else 0
