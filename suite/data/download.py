"""Downloads that resume after an interruption."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from suite import SuiteError
from suite.data.cache import format_megabytes

if TYPE_CHECKING:
    from requests import Response

MAX_ATTEMPTS = 4
"""Failures in a row after which a download is given up; an attempt that brings new bytes resets the count."""
PAUSE_SECONDS = 1.0
"""Pause before the second attempt; doubled before each further one."""
TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 18
# Request timeout, a range that is not there, and too many requests; all codes from 500 on are retried as well.
_RETRYABLE_CODES = (408, 416, 429)


class _RetryableError(Exception):
    """A failure after which another attempt may succeed, such as a broken connection."""


@dataclass(frozen=True)
class ResumableDownload:
    """Collects the `size` bytes at `url` in the file `part`; their checksum is not verified.

    A broken connection is resumed at once, the download of a killed process by the next call; a server that does not
    support ranges sends the file from its start again. `report_bytes` is called with the number of bytes received and
    `size`.
    """

    url: str
    part: Path
    size: int
    report_bytes: Callable[[int, int], None] = lambda done, total: None

    def complete(self) -> None:
        """Download what `part` lacks.

        Raises:
            SuiteError: the server refuses, offers a file of another size or cannot be reached, or the disk is full;
                the text names the address or the folder. What has arrived stays for the next call.
        """
        failures, most_bytes = 0, self._received_bytes()
        while self._received_bytes() != self.size:
            try:
                self._download_once()
            except _RetryableError as error:
                failures = failures + 1 if self._received_bytes() <= most_bytes else 1
                most_bytes = max(most_bytes, self._received_bytes())
                if failures >= MAX_ATTEMPTS:
                    received = format_megabytes(self._received_bytes())
                    raise SuiteError(f"{self.url}: {error}; {received} have arrived and are kept") from error
                time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))

    def _received_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _download_once(self) -> None:
        """Send one request and append what arrives to `part`.

        Raises:
            _RetryableError: the server or the connection failed in a way that may pass.
        """
        import requests  # slow to import, and most commands download nothing
        from urllib3.exceptions import HTTPError

        if self._received_bytes() > self.size:
            self.part.unlink()
        received = self._received_bytes()
        # "identity": ranges count the bytes of the stored file, not of one that the server compresses on the way.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
        try:
            with requests.get(self.url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
                start = self._check_response(response, received)
                with self.part.open("ab" if start else "wb") as file:
                    self._receive(response, file, start)
        except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
            raise _RetryableError(str(error)) from error
        except OSError as error:
            raise SuiteError(f"{self.part}: cannot be written ({error.strerror})") from error

    def _check_response(self, response: "Response", received: int) -> int:
        """Return the first byte of the file that the response holds: `received`, or 0."""
        status = f"HTTP {response.status_code} {response.reason}"
        if response.status_code == 416:
            self.part.unlink(missing_ok=True)
        if response.status_code in _RETRYABLE_CODES or response.status_code >= 500:
            raise _RetryableError(status)
        if response.status_code not in (200, 206):
            raise SuiteError(f"{self.url}: {status}")
        start = received if response.status_code == 206 else 0
        if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            self.part.unlink(missing_ok=True)
            raise _RetryableError("the server sent another range than was asked for")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and (total := start + int(length)) != self.size:
            raise SuiteError(f"{self.url}: the server has {total:,} bytes there, not {self.size:,}: another file")
        free, needed = shutil.disk_usage(self.part.parent).free, self.size - start
        if free < needed:
            sizes = f"{format_megabytes(needed)} are needed there, but only {format_megabytes(free)} are free"
            raise SuiteError(f"{self.part.parent}: {sizes}")
        return start

    def _receive(self, response: "Response", file: IO[bytes], start: int) -> None:
        done = start
        self.report_bytes(done, self.size)
        # Undecoded: some servers declare a .tar.gz as a compressed .tar, and requests would decompress it.
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            done += len(chunk)
            if done > self.size:
                raise SuiteError(f"{self.url}: the server sends more than {self.size:,} bytes: another file")
            file.write(chunk)
            self.report_bytes(done, self.size)
        if done < self.size:
            raise _RetryableError(f"the connection ended after {done:,} of {self.size:,} bytes")
