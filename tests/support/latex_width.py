"""How wide a LaTeX table is, from the metrics of fonts that matplotlib ships: Computer Modern, and STIX for Times."""

import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

FONTS = {"Computer Modern": "cmr10.ttf", "Times": "STIXGeneral.ttf", "Times bold": "STIXGeneralBol.ttf"}

_LARGE = 800.0


def plain_text(latex: str) -> str:
    """What a cell prints: commands and braces are gone, characters stand for their escapes."""
    text = latex.replace(r"$\pm$", "\u00b1").replace(r"\quad", "\u2003").replace("--", "-")
    text = re.sub(r"\\(textbf|textit|multicolumn)", "", text)
    return re.sub(r"\\([&%$#_{}])", r"\1", re.sub(r"(?<!\\)[{}]", "", text)).strip(" ")


def text_points(text: str, font: str, size: float) -> float:
    """Width in points of a text in one line at `size` points."""
    face = FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / FONTS[font]))
    face.set_size(_LARGE, 72)  # where the rounding of hinted glyphs to pixels does not count
    face.set_text(text, 0.0)
    return float(face.get_width_height()[0] / 64) * size / _LARGE


def tabular_points(latex: str, font: str, size: float, gap: float) -> float:
    """Width in points of the `tabular` in a text: the widest cell of each column and 2 x `gap` between columns, or the
    widest line across all columns.
    """
    columns: dict[int, float] = {}
    across = 0.0
    for line in latex.splitlines():
        if not line.endswith(r"\\"):
            continue
        body = line.removesuffix(r"\\").strip()
        if match := re.fullmatch(r"\\multicolumn\{\d+\}\{@\{\}l@\{\}\}\{(.*)\}", body):
            across = max(across, text_points(plain_text(match[1]), font, size))
            continue
        for i, cell in enumerate(re.split(r"(?<!\\)&", body)):
            columns[i] = max(columns.get(i, 0.0), text_points(plain_text(cell), font, size))
    return max(across, sum(columns.values()) + 2 * gap * (len(columns) - 1))
