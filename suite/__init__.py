"""A multi-objective benchmarking suite for hardware-constrained NAS on TinyML tasks."""

import difflib
from collections.abc import Sequence

__version__ = "0.1.0"


class SuiteError(Exception):
    """Something the user can mend: bad input, missing data, an unreachable budget.

    The command line prints its text on one screen, without a traceback, and exits with code 2. The text names
    the key, its value and what would be allowed.
    """


def did_you_mean(word: str, choices: Sequence[str], prefix: str = "") -> str:
    """ " Did you mean full?" for "ful", to follow a sentence; nothing where no choice is close.

    `prefix` goes before the choice.
    """
    close = difflib.get_close_matches(word, choices, n=1)
    return f" Did you mean {prefix}{close[0]}?" if close else ""
