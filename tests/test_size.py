"""The house stays small: lines of code under suite/ and baselines/, without blank lines, comments and docstrings."""

import ast
from pathlib import Path

from checkout import ROOT

MOST_LINES = 17_000


def code_lines(text: str) -> int:
    """Lines of Python that are neither blank nor comments nor strings that stand alone."""
    strings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(map(str.strip, text.splitlines()), start=1)
    return sum(1 for number, line in lines if line and not line.startswith("#") and number not in strings)


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    assert code_lines('"""Text\nof two lines."""\n\n# why\nx = """a\nb"""\n') == 2


def test_the_suite_has_at_most_17000_lines_of_code() -> None:
    files = [path for folder in ("suite", "baselines") for path in Path(ROOT, folder).rglob("*.py")]
    assert len(files) > 200
    assert sum(code_lines(path.read_text()) for path in files) <= MOST_LINES
