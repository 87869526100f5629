"""Image files back to back, as a pack stores them; each is decoded once, which proves it whole."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from suite import SuiteError


class EncodedImages:
    """Collects JPEG files of `width` x `height` pixels in the order in which they are added."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._content = bytearray()
        self._offsets = [0]

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, content: bytes, archive: Path, member: str) -> None:
        """Append the `content` of the file `member` of `archive`.

        Raises:
            SuiteError: the content is not a whole JPEG image of the expected size; the text names archive and member.
        """
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                image.load()
                size = image.size
        except Exception as error:  # Pillow's decoders raise whatever they meet in damaged bytes
            raise SuiteError(f"{archive}: {member}: not a whole JPEG image ({error})") from error
        if size != self._size:
            actual, expected = (" x ".join(map(str, pixels)) for pixels in (size, self._size))
            raise SuiteError(f"{archive}: {member}: the image has {actual} pixels, not {expected}")
        self._content += content
        self._offsets.append(len(self._content))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The pack's arrays `x_encoded` (bytes,) uint8 and `x_offsets` (N+1,) int64."""
        return {
            "x_encoded": np.frombuffer(self._content, np.uint8),
            "x_offsets": np.array(self._offsets, dtype=np.int64),
        }
