"""The tables of docs/mutation-testing.md, from results/mutants/mutants.csv."""

import pandas as pd

OUTCOMES = ("killed", "survived", "timed out", "failed at import")
HEAD = (f"| module | tried | {' | '.join(OUTCOMES)} |", f"|---|{'---|' * (1 + len(OUTCOMES))}")


def mutants_lines(table: pd.DataFrame) -> list[str]:
    """A line for each module, in the order of its name, and one for all."""
    modules = [(f"`{module}`", rows) for module, rows in table.groupby("module")]
    return [*HEAD, *(_line(name, rows) for name, rows in [*modules, ("all", table)])]


def _line(name: str, rows: pd.DataFrame) -> str:
    counts = [str(int((rows["outcome"] == outcome).sum())) for outcome in OUTCOMES]
    return f"| {name} | {len(rows)} | {' | '.join(counts)} |"


def survivor_cells(table: pd.DataFrame) -> list[str]:
    """The first cells of a line for each mutant that no test killed: its place and its change."""
    rows = table[table["outcome"] != "killed"].to_dict("records")
    return [f"| `{row['module'].removeprefix('suite/')}:{row['line']}` | `{_code(row['after'])}` |" for row in rows]


def _code(text: str) -> str:
    """Code in a cell of a table: a bar would end it."""
    return " ".join(text.split()).replace("|", "\\|")
