"""A multi-objective benchmarking suite for hardware-constrained NAS on TinyML tasks."""

__version__ = "0.1.0"


class SuiteError(Exception):
    """Something the user can mend: bad input, missing data, an unreachable budget.

    The command line prints its text on one screen, without a traceback, and exits with code 2. The text names
    the key, its value and what would be allowed.
    """
