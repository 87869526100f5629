"""Downloads that go on where they were interrupted, as pooch's own downloader does not; pooch checks what arrived."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite import SuiteError
from suite.data.cache import format_megabytes

MAX_ATTEMPTS = 4
"""Attempts in a row without a new byte after which a download is given up."""
PAUSE_SECONDS = 1.0
"""Pause after the first failure; doubled after each further one."""
TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class ResumableDownload:
    """A downloader for `pooch.retrieve` that collects a file of `size` bytes in the file `part`.

    A broken connection is resumed at once, the download of a killed process by the next call; a server that does not
    support ranges sends the file from its start again. `part` is renamed to pooch's file when it is complete.
    `report_bytes` is called with the number of bytes received and `size`.
    """

    part: Path
    size: int
    report_bytes: Callable[[int, int], None] = lambda done, total: None

    def __call__(self, url: str, output_file: Any, pooch: Any = None) -> None:
        """Download `url` to the path `output_file`.

        Raises:
            SuiteError: the server refuses or cannot be reached; what has arrived stays for the next call.
            OSError: the folder cannot be written, or the disk is full.
        """
        from requests import RequestException  # slow to import, and most commands download nothing
        from urllib3.exceptions import HTTPError

        failures, reason = 0, "the connection ended early"
        while (received := self._received_bytes()) < self.size:
            try:
                self._receive(url, received)
            except (RequestException, HTTPError) as error:
                reason = str(error)
            failures = 0 if self._received_bytes() > received else failures + 1
            if failures == MAX_ATTEMPTS:
                kept = format_megabytes(self._received_bytes())
                raise SuiteError(f"{url}: {reason}; {kept} have arrived and are kept")
            if failures:
                time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))
        self.part.replace(output_file)

    def _received_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str, received: int) -> None:
        """Send one request and append what arrives to `part`, or begin it anew where the server sends the whole."""
        import requests

        # "identity": ranges count the bytes of the stored file, not of one that the server compresses on the way.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            with self.part.open("ab" if resumed else "wb") as file:
                self.report_bytes(file.tell(), self.size)
                # Undecoded: some servers declare a .tar.gz as a compressed .tar, and requests would decompress it.
                for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
                    file.write(chunk)
                    self.report_bytes(file.tell(), self.size)
