"""`suite archive`: keep an experiment's records as one file."""

from collections.abc import Sequence

from suite.cli.console import existing_store, experiment_parser
from suite.records.archiving import archive_experiment


def main(arguments: Sequence[str]) -> int:
    """Write the experiment's records.zip and print what it holds."""
    parser = experiment_parser(
        "archive",
        "Write records.zip in an experiment's folder: records, histories, predictions and architectures of all its "
        "runs, without weights and checkpoints. All verbs read it as they read the folders of the runs.",
    )
    parser.add_argument(
        "--remove", action="store_true", help="then remove the runs' folders, weights and checkpoints included"
    )
    options = parser.parse_args(arguments)
    store = existing_store(options.experiment)
    result = archive_experiment(store, remove=options.remove)
    unfinished = f", {result.unfinished} of them not finished" if result.unfinished else ""
    print(f"{result.runs} runs{unfinished}, {result.size / 2**20:.1f} MB: {store.archive.path}")
    return 0
