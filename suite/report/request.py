"""What a user asks of a report: kinds of output, their formats, single figures and the figures' style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite import SuiteError
from suite.report.figures.encoding import ENCODERS
from suite.report.figures.style import PAPER, page_format

FORMATS = {"tables": ("csv", "md", "tex"), "figures": tuple(ENCODERS), "page": ()}
"""Kinds of output and the formats that each can have."""

_DEFAULT_FORMATS = {"tables": ("csv", "md", "tex"), "figures": ("png", "pdf")}


@dataclass(frozen=True)
class ReportRequest:
    """What to write of a report: `kinds` of output, `formats` by kind, `figures` by name (none: all), their `style`."""

    kinds: tuple[str, ...]
    formats: Mapping[str, tuple[str, ...]]
    figures: tuple[str, ...] = ()
    style: str = PAPER

    @classmethod
    def from_options(
        cls, only: Sequence[str] = (), formats: Sequence[str] = (), figures: Sequence[str] = (), style: str = PAPER
    ) -> "ReportRequest":
        """Everything in its default formats, or as the options of the command line say.

        A format is that of the kind that has it; a kind of which none is named keeps its defaults. Names of figures,
        and a style other than paper, stand for figures alone.

        Raises:
            SuiteError: an unknown kind, format or style, or options that do not go together.
        """
        page_format(style)
        check_choices("--only", only, list(FORMATS))
        figures_alone = [f"--figure {figures[0]}"] if figures else [f"--style {style}"] if style != PAPER else []
        if figures_alone and (others := [kind for kind in only if kind != "figures"]):
            raise SuiteError(f"{figures_alone[0]} is about figures alone: leave out --only {','.join(others)}")
        kinds = tuple(kind for kind in FORMATS if kind in (only or (["figures"] if figures_alone else FORMATS)))
        check_choices("--format", formats, [name for kind in kinds for name in FORMATS[kind]])
        chosen = {k: tuple(f for f in FORMATS[k] if f in formats) or usual for k, usual in _DEFAULT_FORMATS.items()}
        return cls(kinds, chosen, tuple(dict.fromkeys(figures)), style)


def check_choices(option: str, given: Sequence[str], choices: Sequence[str]) -> None:
    """Refuse what was given to an option and is not among its choices, which the error lists."""
    if unknown := [name for name in given if name not in choices]:
        raise SuiteError(f"{option} {','.join(unknown)}: choices are {', '.join(choices) or 'none for this output'}")
