"""`suite completion`: tab completion for bash, of verbs, of the keys and choices of `suite run`, of experiments."""

from collections.abc import Iterator, Sequence

from suite.cli.console import experiments, verb_parser
from suite.config.catalogue import GROUPS, catalogue

_SCRIPT = """_suite_completion() {
    mapfile -t COMPREPLY < <(suite completion "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o default -o nospace -F _suite_completion suite"""


def main(arguments: Sequence[str]) -> int:
    """Print the script for bash, or what may stand at the end of a line."""
    parser = verb_parser("completion", 'Tab completion for bash: eval "$(suite completion)", in ~/.bashrc to keep it.')
    parser.add_argument("line", nargs="?", help="print what may stand at the end of this line instead")
    options = parser.parse_args(arguments)
    print(_SCRIPT if options.line is None else "\n".join(complete(options.line)))
    return 0


def complete(line: str) -> list[str]:
    """What may follow at the end of `suite ...`; of a word with "=" the part behind it, as bash takes it."""
    _, *words = line.split(" ")
    *before, word = words or [""]
    from suite.cli.main import VERBS  # which imports this module

    if before[:1] == ["run"]:
        key, has_value, value = word.partition("=")
        return sorted(set(_choices(key.lstrip("+"), value) if has_value else _keys(before[1:], word)))
    known = list(VERBS) if not before else experiments() if before[0] in VERBS else []
    return [f"{name} " for name in known if name.startswith(word)]


def _choices(group: str, value: str) -> Iterator[str]:
    """The choices of a group that begin as the last of the values does: method=duccio,hand"""
    earlier, comma, begun = value.rpartition(",")
    for entry in catalogue():
        if entry.group == group and entry.name.startswith(begun):
            yield f"{earlier}{comma}{entry.name}"


def _keys(overrides: Sequence[str], begun: str) -> Iterator[str]:
    """Keys that begin so, up to their next dot: bud -> budget. -> budget.weights="""
    from suite.config.refusals import known_keys  # Hydra takes half a second
    from suite.config.sweep import compose_job

    keys = known_keys(overrides, compose_job)
    parents = {key.rpartition(".")[0] for key in keys} - set(GROUPS)
    for key in ["+experiment", *keys]:
        if key.startswith(begun):
            head, dot, _ = key[len(begun) :].partition(".")
            if dot or key not in parents:
                yield f"{begun}{head}{dot or '='}"
