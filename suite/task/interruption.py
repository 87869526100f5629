"""Asking a run to stop: a training goes on to where nothing is lost, everything else stops at once."""

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; its text says by whom. As after Ctrl-C, the same command continues."""


class _Request:
    reason: str | None = None
    deferred = False


_request = _Request()


def request(reason: str, *, at_once: bool = False) -> None:
    """Ask this process to stop; a signal's handler may call it.

    Raises:
        Interrupted: no training is in progress and `at_once`, or this is the second request.
    """
    repeated = _request.reason is not None
    _request.reason = reason
    if at_once and (repeated or not _request.deferred):
        raise Interrupted(reason)


def requested() -> str | None:
    """Who asked this process to stop, None where nobody did."""
    return _request.reason


def check() -> None:
    """Stop here, if that was asked for.

    Raises:
        Interrupted: it was.
    """
    if _request.reason is not None:
        raise Interrupted(_request.reason)


def reset() -> None:
    """Forget what was asked for: a new call of `suite run` begins."""
    _request.reason = None


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, a request waits for `check`."""
    _request.deferred = True
    try:
        yield
    finally:
        _request.deferred = False
