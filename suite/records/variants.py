"""What tells the runs of one method apart: the options that differ from its default, and other differing settings."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from suite.records.flat import flatten
from suite.records.labels import option_text
from suite.records.record import RunRecord

_NUMERICS = ("threads", "compute")
_LABEL = 24


def variants(records: Sequence[RunRecord]) -> list[tuple[tuple[str, str], ...]]:
    """The variant of each record, followed by the other settings in which it differs from runs of the same method.

    Runs are compared over all budgets: what is pooled over random seeds, or over budgets, is one variant.
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, r in enumerate(records):
        variant = json.dumps(r.variant, sort_keys=True)
        groups[r.benchmark, r.preset, r.device, r.method, variant].append(i)
    labels = [tuple((key, option_text(value)) for key, value in r.variant.items()) for r in records]
    for members in groups.values():
        for i, further in zip(members, _differences([records[i] for i in members]), strict=True):
            labels[i] += further
    return labels


def flat_texts(config: Mapping[str, Any]) -> dict[str, str]:
    """A nested configuration as dotted key -> value, as JSON unless it is a string."""
    return {key: _text(value) for key, value in flatten(config).items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _differences(records: Sequence[RunRecord]) -> list[tuple[tuple[str, str], ...]]:
    """For each record the settings (key, value) that are not the same in all of them; empty where all agree."""
    # Seeds may come from different machines, unless one seed ran on several: then that is what differs.
    once = len({(r.budget, r.seed) for r in records}) == len(records)
    ignored = _NUMERICS if once else ()
    settings = [flatten(r.config) for r in records]
    keys = sorted({key for flat in settings for key in flat if not _is_seed_or_budget(key)})
    labels: dict[str, list[str]] = {}
    for key in keys:
        values = [flat.get(key, "unset") for flat in settings]
        if any(value != values[0] for value in values) and key.rpartition(".")[2] not in ignored:
            labels[key] = _shorten([_text(value) for value in values])
    return [tuple((key, texts[i]) for key, texts in labels.items()) for i in range(len(records))]


def _is_seed_or_budget(key: str) -> bool:
    """Whether a key is the random seed's or the budget's, which a row's other columns hold."""
    return key == "seed" or key.split(".")[0] in ("budget", "targets")


def _shorten(texts: Sequence[str]) -> list[str]:
    """Each text in so few characters as a label has room for, and different texts differently."""
    uses = Counter(text[:_LABEL] for text in set(texts))
    return [
        short if uses[short] == 1 else f"{short}#{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        for text, short in ((text, text[:_LABEL]) for text in texts)
    ]
