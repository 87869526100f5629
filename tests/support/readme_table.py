"""The table of README.md, made from a recorded experiment's main table."""

import pandas as pd

HEAD = (
    "| budget | method | float test accuracy [95 %] | fits budget | of each limit | cost |",
    "|---|---|---|---|---|---|",
)


def readme_lines(main: pd.DataFrame) -> list[str]:
    """README's lines for the rows of `main.csv`, in its order; a budget is named once.

    Cost is in standard trainings.
    """
    lines, budget = list(HEAD), ""
    for _, row in main.iterrows():
        used = {c.removeprefix("target_percent/"): row[c] for c in main.columns if c.startswith("target_percent/")}
        limits = ", ".join(f"{metric} {share:.0f} %" for metric, share in used.items() if pd.notna(share))
        score = f"{row['score']:.3f} [{row['score_low']:.3f}, {row['score_high']:.3f}]"
        name = row["budget"] if row["budget"] != budget else ""
        budget = row["budget"]
        lines.append(f"| {name} | {row['method']} | {score} | {row['fits']} | {limits} | {row['trainings']:.2f} |")
    return lines
