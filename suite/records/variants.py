"""What tells the runs of one method apart: the options that differ from its default, and other differing settings."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from suite.records.flat import flatten
from suite.records.labels import option_text
from suite.records.record import RunRecord

_NUMERICS = ("threads", "compute")
_UNSET = object()
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
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for key, value in flatten(config).items()
    }


def _differences(records: Sequence[RunRecord]) -> list[tuple[tuple[str, str], ...]]:
    """For each record the settings (key, value) that are not the same in all of them; empty where all agree."""
    # Seeds may come from different machines, unless one seed ran on several: then that is what differs.
    once = len({(r.budget, r.seed) for r in records}) == len(records)
    ignored = _NUMERICS if once else ()
    varying = _varying([r.config for r in records])
    keys = sorted(k for k in varying if not _is_seed_or_budget(k) and k.rpartition(".")[2] not in ignored)
    settings = [flat_texts(r.config) for r in records]
    texts = {key: _texts({flat.get(key, "unset") for flat in settings}) for key in keys}
    return [tuple((key, texts[key][flat.get(key, "unset")]) for key in keys) for flat in settings]


def _is_seed_or_budget(key: str) -> bool:
    """Whether a key is the random seed's or the budget's, which a row's other columns hold."""
    return key == "seed" or key.split(".")[0] in ("budget", "targets")


def _texts(values: Iterable[str]) -> dict[str, str]:
    """Each value in so few characters as a label has room for, and different values differently."""
    short = {value: value[:_LABEL] for value in values}
    uses = Counter(short.values())
    return {
        value: text if uses[text] == 1 else f"{text}#{hashlib.sha256(value.encode()).hexdigest()[:6]}"
        for value, text in short.items()
    }


def _varying(configs: Sequence[Mapping[str, Any]], prefix: str = "") -> Iterator[str]:
    """The dotted keys of `flat_texts` whose values are not the same in all `configs`.

    Equal parts are passed over whole: most settings of an experiment's runs agree.
    """
    for key in sorted({key for config in configs for key in config}):
        values = [config.get(key, _UNSET) for config in configs]
        if all(value == values[0] for value in values):
            continue
        nodes = [value for value in values if isinstance(value, Mapping)]
        if nodes:
            yield from _varying([*nodes, *([{}] if len(nodes) < len(values) else [])], f"{prefix}{key}.")
        if any(value is not _UNSET and not isinstance(value, Mapping) for value in values):
            yield f"{prefix}{key}"
