"""What docs/mutation-testing.md says of the recorded mutants is what their table says."""

import pandas as pd
import pytest
from checkout import RESULTS, ROOT
from mutants_table import mutants_lines, survivor_cells

TABLE = pd.read_csv(RESULTS / "mutants" / "mutants.csv")
TEXT = (ROOT / "docs" / "mutation-testing.md").read_text()


def test_its_table_counts_the_mutants_of_each_module() -> None:
    assert "\n".join(mutants_lines(TABLE)) in TEXT


@pytest.mark.parametrize("cells", survivor_cells(TABLE))
def test_every_survivor_was_looked_at(cells: str) -> None:
    (line,) = (line for line in TEXT.splitlines() if line.startswith(cells))
    assert len(line) > len(cells) + 5, "with what was found"


def test_at_least_85_percent_of_400_are_killed() -> None:
    killed = int((TABLE["outcome"] == "killed").sum())
    assert len(TABLE) == 400
    assert killed >= 340
    assert f"{killed} of 400 ({killed / 4:.1f} %)" in TEXT
