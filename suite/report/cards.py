"""What stands at the top of the page: headline numbers, and what was compared."""

from typing import NamedTuple

import pandas as pd

from suite.report.headline import NOT_SHOWN
from suite.report.order import natural
from suite.report.text import percent, words

MOST = 8
"""Headline cards; a page with more benchmarks shows the rest in its table."""


class Card(NamedTuple):
    """A headline number: what it is, the number, and what it means."""

    heading: str
    value: str
    note: str


def cards(df: pd.DataFrame, absent: pd.DataFrame, headline: pd.DataFrame) -> list[Card]:
    """What ran, how much of it fits, and the largest reductions of `headline_table` that are shown."""
    done = df[df["status"] == "done"]
    without = [f"{len(df) - len(done)} failed"] if len(done) < len(df) else []
    without += [f"{count} {status}" for status, count in sorted(absent["status"].value_counts().items())]
    told = ", ".join(without) or "none failed or missing"
    limited = done[done["budget"] != "none"]
    found = [Card("Finished runs", f"{len(done)} of {len(df) + len(absent)}", told)]
    if len(limited):
        fit = int(limited["feasible"].sum())
        note = "all methods and budgets together; each method's share is below"
        found.append(Card("Runs that meet every constraint", f"{fit} of {len(limited)}", note))
    return found + _reductions(headline)[: MOST - len(found)]


def _reductions(headline: pd.DataFrame) -> list[Card]:
    """A card for each reduction that is shown, and one for a benchmark that has none."""
    found: list[Card] = []
    several = len(headline) > 0 and headline["benchmark"].nunique() > 1
    for benchmark, rows in headline.groupby("benchmark", sort=False):
        where = f"{benchmark}: " if several else ""
        shown = [row for row in rows.to_dict("records") if row["shown"] != NOT_SHOWN and pd.notna(row["shown"])]
        for row in shown:
            note = f"least {row['metric']} at non-inferior score ({row['shown']}): {row['method']}, {row['budget']}"
            found.append(Card(f"{where}{row['metric']}", f"\u2212{percent(row['reduction_percent'])} %", note))
        if not shown:
            best = rows.iloc[0]
            note = (
                f"{best['metric']} \u2212{percent(best['unproved_reduction_percent'])} % by {best['unproved_method']}: "
            )
            found.append(Card(f"{where}reduction at non-inferior score", "none shown", note + best["unproved_why"]))
    return found


def facts(df: pd.DataFrame) -> list[tuple[str, str]]:
    """What was compared and on what data, as heading and text."""
    found = [
        (heading, ", ".join(sorted((str(v) for v in df[column].unique()), key=natural)))
        for heading, column in (
            ("Benchmarks", "benchmark"),
            ("Methods", "method"),
            ("Target devices", "device"),
            ("Presets", "preset"),
            ("Seeds", "seed"),
        )
    ]
    notes = df.loc[df["data_note"] != "", ["benchmark", "data_note"]].drop_duplicates()
    data = sorted((f"Data of {benchmark}", str(note)) for benchmark, note in notes.to_numpy().tolist())
    return [*found, ("Budgets", "; ".join(sorted(df["budget"].unique(), key=natural))), *data]


def fitting(df: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Method, runs that meet every constraint, finished runs; the most reliable first. Presets are kept apart."""
    limited = df[(df["status"] == "done") & (df["budget"] != "none")]
    names = limited["method"]
    if df["preset"].nunique() > 1:
        names = names + " (preset " + limited["preset"] + ")"
    counts = limited.groupby(names)["feasible"].agg(["sum", "size"])
    rows = [
        (str(method), int(fit), int(size)) for method, (fit, size) in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row[1] / row[2], row[0]))


def chosen_by(df: pd.DataFrame) -> list[str]:
    """A sentence for each benchmark whose networks are chosen by something other than the test score."""
    told = df.loc[df["selection_name"] != "", ["benchmark", "selection_name", "score_name"]].drop_duplicates()
    rows = sorted((str(b), words(str(chosen)), words(str(score))) for b, chosen, score in told.to_numpy().tolist())
    return [
        f"Networks of {benchmark} are chosen by {chosen} on validation data, not by {score}; better is higher."
        for benchmark, chosen, score in rows
        if chosen != score
    ]
