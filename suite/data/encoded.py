"""Image files back to back, as a pack stores them; each is decoded once, which proves it whole."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from suite import SuiteError


def join_images(
    archive: Path, images: Iterable[tuple[str, bytes]], size: int
) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Names of JPEG files, and the pack's arrays of them: `x_encoded` (bytes,) uint8 and `x_offsets` (N+1,) int64.

    Args:
        archive: where the images are from, for messages.
        images: name and content of each file.
        size: pixels along each side of an image.

    Raises:
        SuiteError: a file is not a whole JPEG image of the expected size; the text names archive and file.
    """
    names: list[str] = []
    joined, offsets = bytearray(), [0]
    for name, content in images:
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                image.load()
        except Exception as error:  # Pillow's decoders raise whatever they meet in damaged bytes
            raise SuiteError(f"{archive}: {name}: not a whole JPEG image ({error})") from error
        if image.size != (size, size):
            actual = f"{image.width} x {image.height}"
            raise SuiteError(f"{archive}: {name}: the image has {actual} pixels, not {size} x {size}")
        names.append(name)
        joined += content
        offsets.append(len(joined))
    return names, {"x_encoded": np.frombuffer(joined, np.uint8), "x_offsets": np.array(offsets, dtype=np.int64)}
