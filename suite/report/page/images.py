"""Figures inside the page: the PNG as text, and a caption of what no figure before has said."""

import base64
import re
import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from suite.report.figures.pages import RenderedFigure


class EmbeddedImage(NamedTuple):
    """A figure on the page: its texts, `caption` shortened, the PNG as base64, and its width and height in pixels."""

    figure: RenderedFigure
    caption: str
    base64: str
    width: int
    height: int


def embed_images(figures: Iterable[tuple[RenderedFigure, bytes]]) -> list[EmbeddedImage]:
    """The figures in order; of a caption only the sentences that no earlier figure with the same heading has."""
    said: dict[str, set[str]] = defaultdict(set)
    images = []
    for figure, png in figures:
        sentences = re.split(r"(?<=\.) ", figure.caption)
        caption = " ".join(s for s in sentences if s not in said[figure.heading])
        said[figure.heading].update(sentences)
        # The size stands in the PNG's first chunk; with it the page does not jump while images load.
        width, height = struct.unpack(">II", png[16:24])
        images.append(EmbeddedImage(figure, caption, base64.b64encode(png).decode(), width, height))
    return images
