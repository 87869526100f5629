"""Pages of the documentation: their fenced blocks, their command lines, their headings."""

import re
import shlex
from dataclasses import dataclass

from checkout import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = [
    ROOT / "docs" / "tutorial" / f"{name}.md"
    for name in ("first-search", "your-network-and-data", "your-board", "your-method")
]
PROGRAMS = ("suite", "python", "python3", "make", "pip", "pytest", "optuna-dashboard", "source", "ray")

_BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    .*$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that its title names, its text."""

    language: str
    file: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The command lines of a block of bash; a line that ends with a backslash goes on."""
        return _joined(self.text).splitlines() if self.language == "bash" else []


def _joined(text: str) -> str:
    return re.sub(r"\s*\\\n\s*", " ", text)


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(text)]


def command_lines(text: str) -> list[str]:
    """All command lines of a page, in blocks and in sentences, each once, without comments and trailing remarks."""
    fenced = [line for block in blocks(text) for line in _joined(block.text).splitlines()]
    rest = _joined(_BLOCK.sub("", text))
    lines = [*fenced, *_INDENTED.findall(rest), *_INLINE.findall(rest)]
    commands = (re.split(r"  +|\s+#\s", line.strip())[0].removeprefix(".venv/bin/") for line in lines)
    return list(dict.fromkeys(c for c in commands if is_command(c)))


def is_command(line: str) -> bool:
    """Whether a line calls one of `PROGRAMS` with at least one argument."""
    return len(line.split()) > 1 and line.split()[0] in PROGRAMS


def words(command: str) -> list[str]:
    return shlex.split(command)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts and mkdocs make them."""
    headings = _HEADING.findall(_BLOCK.sub("", text))
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


def without_code(text: str) -> str:
    return _INLINE.sub("", _BLOCK.sub("", text))
