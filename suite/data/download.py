"""Downloads that resume after an interruption.

pooch verifies checksums and moves files to their names, but its own downloader starts from the first byte every time.
"""

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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
            SuiteError: the server refuses, offers a file of another size or cannot be reached, or the disk is full;
                the text names the address or the folder. What has arrived stays for the next call.
        """
        failures, most_bytes = 0, self._received_bytes()
        while self._received_bytes() != self.size:
            try:
                self._download_once(url)
            except _RetryableError as error:
                failures = failures + 1 if self._received_bytes() <= most_bytes else 1
                most_bytes = max(most_bytes, self._received_bytes())
                if failures >= MAX_ATTEMPTS:
                    received = format_megabytes(self._received_bytes())
                    raise SuiteError(f"{url}: {error}; {received} have arrived and are kept") from error
                time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))
        self.part.replace(output_file)

    def _received_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _download_once(self, url: str) -> None:
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
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
                start = self._check_response(url, response, received)
                with self.part.open("ab" if start else "wb") as file:
                    self._receive(url, response, file, start)
        except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
            raise _RetryableError(str(error)) from error
        except OSError as error:
            raise SuiteError(f"{self.part}: cannot be written ({error.strerror})") from error

    def _check_response(self, url: str, response: "Response", received: int) -> int:
        """Return the first byte of the file that the response holds: `received`, or 0."""
        status = f"HTTP {response.status_code} {response.reason}"
        if response.status_code == 416:
            self.part.unlink(missing_ok=True)
        if response.status_code in _RETRYABLE_CODES or response.status_code >= 500:
            raise _RetryableError(status)
        if response.status_code not in (200, 206):
            raise SuiteError(f"{url}: {status}")
        start, total = 0, response.headers.get("Content-Length", "")
        if response.status_code == 206:
            sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if sent is None or int(sent[1]) != received:
                self.part.unlink(missing_ok=True)
                raise _RetryableError("the server sent another range than was asked for")
            start, total = received, sent[2]
        if total.isdecimal() and int(total) != self.size:
            raise SuiteError(f"{url}: the server has {int(total):,} bytes there, not {self.size:,}: another file")
        free = shutil.disk_usage(self.part.parent).free
        if free < self.size - start:
            needed = format_megabytes(self.size - start)
            available = format_megabytes(free)
            raise SuiteError(f"{self.part.parent}: {needed} are needed there, but only {available} are free")
        return start

    def _receive(self, url: str, response: "Response", file: IO[bytes], start: int) -> None:
        done = start
        self.report_bytes(done, self.size)
        # Undecoded: some servers declare a .tar.gz as a compressed .tar, and requests would decompress it.
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            done += len(chunk)
            if done > self.size:
                raise SuiteError(f"{url}: the server sends more than {self.size:,} bytes: another file")
            file.write(chunk)
            self.report_bytes(done, self.size)
        if done < self.size:
            raise _RetryableError(f"the connection ended after {done:,} of {self.size:,} bytes")
