"""The shape of printed output: what stays when numbers, ids, bars and columns' widths are left out."""

import re

_LEFT_OUT = (
    (re.compile(r"\S*/(?=results/)"), ""),  # folders above results/
    (re.compile(r"(?<=/)[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"(?<=network=)(\w+) [0-9a-f]{6}\b"), r"\1 ID"),
    (re.compile(r"[█▉▊▋▌▍▎▏]+"), ""),
    (re.compile(r"[─━]+"), "─"),
    (re.compile(r"[-+]?\d[\d,]*(\.\d+)?"), "N"),
    (re.compile(r"\s+"), " "),
)


def shape(line: str) -> str:
    for pattern, text in _LEFT_OUT:
        line = pattern.sub(text, line)
    return line.strip()


def first_missing(shown: str, printed: str) -> str | None:
    """The first line of `shown` that `printed` does not have in its shape, in the same order; None if all are there.

    A line "..." stands for any lines; without it a line follows the one before it. "..." at a line's end stands for
    the rest of the line. Empty lines do not count.
    """
    left = [found for line in printed.splitlines() if (found := shape(line))]
    anywhere = True
    for line in filter(None, map(shape, shown.splitlines())):
        if line == "...":
            anywhere = True
            continue
        places = [i for i, candidate in enumerate(left) if _matches(line, candidate)]
        if not places or (places[0] != 0 and not anywhere):
            return line
        left, anywhere = left[places[0] + 1 :], False
    return None


def _matches(shown: str, printed: str) -> bool:
    return printed.startswith(shown.removesuffix("...").rstrip()) if shown.endswith("...") else shown == printed
