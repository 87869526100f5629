"""The one exception that a user's own input can raise."""


class SuiteError(Exception):
    """Something the user can mend: bad input, missing data, an unreachable budget.

    The command line prints its text on one screen, without a traceback, and exits with code 2. The text names
    the key, its value and what would be allowed.
    """
