"""Downloads that continue where they were broken off, and what a terminal shows of them.

pooch verifies checksums and moves files into place, but its own downloader starts from the first byte every time.
"""

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from suite import SuiteError
from suite.data.cache import megabytes

if TYPE_CHECKING:
    from requests import Response

ATTEMPTS = 4
"""Broken ones in a row before giving up; one that brings new bytes starts the count anew."""
PAUSE_SECONDS = 1.0
"""Before the second attempt; doubled before each further one."""
TIMEOUT_SECONDS = 30
_CHUNK = 1 << 18
# Request timeout, too many requests; beside them every code from 500 may pass.
_PASSING = (408, 429)


class _Broken(Exception):
    """A failure that another attempt may not meet."""


@dataclass(frozen=True)
class Resumable:
    """A downloader for `pooch.retrieve` that keeps what has arrived in the file `part`, of `size` bytes in the end.

    A broken connection is taken up again by itself, a killed process's download by the next call. The file appears
    at pooch's place only when all its bytes are here. A server that knows no ranges sends it from the start.
    `report` gets the bytes that are here and `size`.
    """

    part: Path
    size: int
    report: Callable[[int, int], None] = lambda done, total: None

    def __call__(self, url: str, output_file: Any, pooch: Any = None) -> None:
        """Download `url` to the path `output_file`.

        Raises:
            SuiteError: the server refuses, offers a file of another size or cannot be reached, or the disk is full;
                the text names the address or the folder. What has arrived stays for the next call.
        """
        failures, most = 0, self._have()
        while self._have() != self.size:
            try:
                self._attempt(url)
            except _Broken as error:
                failures = failures + 1 if self._have() <= most else 1
                most = max(most, self._have())
                if failures >= ATTEMPTS:
                    raise SuiteError(f"{url}: {error}; {megabytes(self._have())} have arrived and are kept") from error
                time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))
        self.part.replace(output_file)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _attempt(self, url: str) -> None:
        """Download until the end of the file or of the connection.

        Raises:
            _Broken: something went wrong that may go well next time.
        """
        import requests  # slow to import, and most commands download nothing
        from urllib3.exceptions import HTTPError

        if self._have() > self.size:
            self.part.unlink()
        have = self._have()
        # Ranges are those of the stored file, not of one that the server packs on the way.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
                start = self._start(url, response, have)
                with self.part.open("ab" if start else "wb") as file:
                    self._receive(url, response, file, start)
        except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
            raise _Broken(str(error)) from error
        except OSError as error:
            raise SuiteError(f"{self.part}: cannot be written ({error.strerror})") from error

    def _start(self, url: str, response: "Response", have: int) -> int:
        """From which byte on the answer holds the file: `have`, or 0."""
        status = f"HTTP {response.status_code} {response.reason}"
        if response.status_code == 416:
            self.part.unlink(missing_ok=True)
            raise _Broken(status)
        if response.status_code in _PASSING or response.status_code >= 500:
            raise _Broken(status)
        if response.status_code not in (200, 206):
            raise SuiteError(f"{url}: {status}")
        start, total = 0, response.headers.get("Content-Length", "")
        if response.status_code == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != have:
                self.part.unlink(missing_ok=True)
                raise _Broken("the server sent another range than was asked for")
            start, total = have, found[2]
        if total.isdecimal() and int(total) != self.size:
            raise SuiteError(f"{url}: the server has {int(total):,} bytes there, not {self.size:,}: another file")
        free = shutil.disk_usage(self.part.parent).free
        if free < self.size - start:
            needed = megabytes(self.size - start)
            raise SuiteError(f"{self.part.parent}: {needed} are needed there, but only {megabytes(free)} are free")
        return start

    def _receive(self, url: str, response: "Response", file: IO[bytes], start: int) -> None:
        done = start
        self.report(done, self.size)
        # Undecoded: some servers call a .tar.gz a packed .tar, and requests would unpack it.
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            done += len(chunk)
            if done > self.size:
                raise SuiteError(f"{url}: the server sends more than {self.size:,} bytes: another file")
            file.write(chunk)
            self.report(done, self.size)
        if done < self.size:
            raise _Broken(f"the connection ended after {done:,} of {self.size:,} bytes")


class InBytes(str):
    """The name of something whose progress is counted in bytes."""


class _Amount(ProgressColumn):
    """Bytes and their speed, or things."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        if not task.fields["bytes"]:
            return MofNCompleteColumn().render(task)
        return Text.assemble(DownloadColumn().render(task), " ", TransferSpeedColumn().render(task))


@contextmanager
def on_terminal() -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that shows progress on standard error: what, done, of how many. Off a terminal it does nothing."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), _Amount(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                # what was here before does not count as speed
                tasks[what] = bars.add_task(what, total=total, completed=done, bytes=isinstance(what, InBytes))
            bars.update(tasks[what], completed=done, total=total)

        yield tell
