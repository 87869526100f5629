"""What stands at the top of the page: what was compared, and how much of it ran."""

import pandas as pd

from suite.report.grouping import natural_key
from suite.report.tables.text import score_label


def describe_experiment(df: pd.DataFrame, absent: pd.DataFrame) -> list[tuple[str, str]]:
    """What was compared, as heading and text, and how many of all planned runs finished; `absent` have no record."""
    columns = (
        ("Benchmarks", "benchmark"),
        ("Budgets", "budget"),
        ("Methods", "method"),
        ("Devices", "device"),
        ("Presets", "preset"),
        ("Random seeds", "seed"),
    )
    values = [(heading, {str(value) for value in df[column].unique()}) for heading, column in columns]
    finished = int((df["status"] == "done").sum())
    return [
        *(
            (heading if len(texts) > 1 else heading.removesuffix("s"), "; ".join(sorted(texts, key=natural_key)))
            for heading, texts in values
        ),
        ("Finished runs", f"{finished} of {len(df) + len(absent)}"),
    ]


def selection_notes(df: pd.DataFrame) -> list[str]:
    """A sentence for each benchmark whose networks are chosen by something other than the test score."""
    names = df.loc[df["selection_name"] != "", ["benchmark", "selection_name", "score_name"]].drop_duplicates()
    rows = sorted(
        (str(b), score_label(str(chosen)), score_label(str(score))) for b, chosen, score in names.to_numpy().tolist()
    )
    return [
        f"Networks of {benchmark} are chosen by {chosen} on validation data, not by {score}; better is higher."
        for benchmark, chosen, score in rows
        if chosen != score
    ]
