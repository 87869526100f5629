"""What a run of each method costs, in standard trainings, epochs, seconds and trained networks."""

import pandas as pd

from suite.records.record import PHASES
from suite.report.grouping import GROUP
from suite.report.tables.text import PHASE_LABELS, format_number, format_quantity, format_significant, leading_columns

_COLUMNS = ["trainings", "trainings_amortised", *(f"trainings/{phase}" for phase in PHASES)]
_COLUMNS += ["epochs", "wall_s", "cpu_s", "networks", "lost_macs"]


def cost_table(df: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """What a run of each method costs, as means over finished runs, in the order of the `main_table`.

    Columns: `runs`, `trainings` (in full, as if nothing were shared) and `trainings_amortised` (what runs share is
    divided among those in the frame), the full ones split into `trainings/<phase>`, all in standard trainings of the
    reference network; `epochs` (passes over the training data, in full); `wall_s` and `cpu_s` in seconds, `networks`
    (trained), `lost_macs` (MAC, work repeated after a kill; not in the sums).
    """
    means = df[df["status"] == "done"].groupby(GROUP)[_COLUMNS].mean()
    return main[[*GROUP, "runs"]].merge(means.reset_index(), on=GROUP)


def format_cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """`cost_table` as rounded text under headings with units."""
    out = leading_columns(table)
    out["runs"] = table["runs"].astype(str)
    headings = {"trainings": "standard trainings, full", "trainings_amortised": "amortised"}
    headings |= {f"trainings/{phase}": PHASE_LABELS[phase] for phase in PHASES}
    for column, heading in headings.items():
        out[heading] = [format_number(v) for v in table[column]]
    for column, heading in (("epochs", "epochs"), ("wall_s", "wall, s"), ("cpu_s", "CPU, s")):
        out[heading] = [format_significant(v) for v in table[column]]
    out["networks"] = [format_number(v, 1).removesuffix(".0") for v in table["networks"]]
    if (table["lost_macs"] > 0).any():
        out["repeated after a kill"] = [format_quantity(v, "MAC") for v in table["lost_macs"]]
    return out
