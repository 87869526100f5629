"""Follows a page from top to bottom as a reader would, in an empty folder."""

from collections.abc import Sequence
from pathlib import Path

from output_shape import first_missing
from page_commands import run_commands
from pages import blocks, words


def walk(page: Path, folder: Path, skip: Sequence[str] = ()) -> None:
    """Write the page's files, run its commands, and compare what they print with what the page shows.

    A block of language `text` is the output of the block of commands before it, in its shape. Commands that begin
    with one of `skip` are left out, and the output of a block of which nothing ran.
    """
    steps: list[list[str]] = []
    shown: list[tuple[str, range]] = []  # an output, and the steps that print it
    last = range(0)
    for block in blocks(page.read_text()):
        if block.file:
            steps.append(["write", block.file, block.text])
        elif block.language == "text" and last:
            shown.append((block.text, last))
        elif block.language == "bash":
            commands = [words(c) for c in block.commands if not c.startswith(tuple(skip))]
            last = range(len(steps), len(steps) + len(commands))
            steps += commands
    results = run_commands(steps, folder)
    for step, (code, output) in zip(steps, results, strict=False):
        assert code == 0, f"{' '.join(step)}\n{output}"
    for text, printed_by in shown:
        printed = "".join(results[i][1] for i in printed_by)
        missing = first_missing(text, printed)
        assert missing is None, f"{page.name}: no line {missing!r} at its place in\n{printed}"
