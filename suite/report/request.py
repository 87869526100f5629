"""What a user asks of a report: kinds of output, their formats, kinds of figures and the figures' format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite import SuiteError, did_you_mean
from suite.report.figures.catalogue import KINDS
from suite.report.figures.encoding import ENCODERS
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat

FORMATS = {"tables": ("csv", "md", "tex"), "figures": tuple(ENCODERS), "page": ()}
"""Kinds of output and the formats that each can have."""

_DEFAULT_FORMATS = {"tables": ("csv", "md", "tex"), "figures": ("png", "pdf")}


@dataclass(frozen=True)
class ReportRequest:
    """What to write of a report: `kinds` of output, `formats` by kind, `figures` by kind (none: all), and `form`, the
    width and the type of figures.
    """

    kinds: tuple[str, ...]
    formats: Mapping[str, tuple[str, ...]]
    figures: tuple[str, ...] = ()
    form: FigureFormat = DEFAULT_FORMAT

    @classmethod
    def from_options(
        cls,
        only: Sequence[str] = (),
        formats: Sequence[str] = (),
        figures: Sequence[str] = (),
        width: str = "",
        font: str = "",
    ) -> "ReportRequest":
        """Everything in its default formats, or as the options of the command line say.

        A format is that of the kind that has it; a kind of which none is named keeps its defaults. Kinds of figures, a
        width and a font stand for figures alone.

        Raises:
            SuiteError: an unknown kind, format, width or font, or options that do not go together.
        """
        form = FigureFormat.from_options(width, font)
        check_choices("--only", only, list(FORMATS))
        check_choices("--figure", figures, list(KINDS))
        options = {"--figure": ",".join(figures), "--width": width, "--font": font}
        about_figures = next((f"{option} {value}" for option, value in options.items() if value), "")
        if about_figures and (others := [kind for kind in only if kind != "figures"]):
            raise SuiteError(f"{about_figures} is about figures alone: leave out --only {','.join(others)}")
        kinds = tuple(kind for kind in FORMATS if kind in (only or (["figures"] if about_figures else FORMATS)))
        check_choices("--format", formats, [name for kind in kinds for name in FORMATS[kind]])
        chosen = {k: tuple(f for f in FORMATS[k] if f in formats) or usual for k, usual in _DEFAULT_FORMATS.items()}
        return cls(kinds, chosen, tuple(dict.fromkeys(figures)), form)


def check_choices(option: str, given: Sequence[str], choices: Sequence[str]) -> None:
    """Refuse what was given to an option and is not among its choices, which the error lists."""
    if unknown := [name for name in given if name not in choices]:
        listed = ", ".join(choices) or "none for this output"
        hint = did_you_mean(unknown[0], choices)
        raise SuiteError(f"{option} {','.join(unknown)}: choices are {listed}{f'. {hint}' if hint else ''}")
