"""What Hydra refuses, said with the key, the value and what was probably meant."""

import re
from collections.abc import Callable, Iterator, Sequence

from omegaconf import DictConfig, OmegaConf

from suite import SuiteError, did_you_mean
from suite.config.catalogue import GROUPS
from suite.space.budget import UNITS

_NO_KEY = re.compile(r"Could not override '([^']+)'")
_NO_CHOICE = re.compile(r"Could not find '([^']+)/([^'/]+)'")
_CHOICE = re.compile(r"^\t([\w/-]+)$", re.MULTILINE)
_UNREADABLE = re.compile(r"Error parsing override '([^']*)'")
_WRONG_VALUE = re.compile(r"Error merging override (.*)")
_ASIDES = ("    full_key", "    object_type", "    reference_type", "See ")


def explain(error: Exception, overrides: Sequence[str], compose: Callable[[Sequence[str]], DictConfig]) -> SuiteError:
    """The error for a person.

    Args:
        error: what Hydra or OmegaConf raised.
        overrides: of the command line, KEY=VALUE.
        compose: makes the configuration of some overrides, to look up the keys that there are.
    """
    text = str(error)
    if found := _NO_KEY.search(text):
        return SuiteError(_no_key(found[1], overrides, compose))
    if found := _NO_CHOICE.search(text):
        group, name = found.groups()
        choices = _CHOICE.findall(text)
        hint = did_you_mean(name, choices)
        return SuiteError(f"{group}={name}: no such choice.{hint} Choices: {', '.join(choices)}")
    if found := _UNREADABLE.search(text):
        quantity = " (a quantity has no blank before its unit: budget.latency=5ms)" if found[1] in UNITS else ""
        return SuiteError(f"{found[1]}: not of the form KEY=VALUE{quantity}")
    cause = str(error.__cause__ or "") if (found := _WRONG_VALUE.match(text)) else ""
    lines = [line for line in f"{text}\n{cause}".splitlines() if not line.startswith(_ASIDES)]
    lines = [f"{found[1]}:", *lines[1:]] if found else lines
    return SuiteError(" ".join(" ".join(lines).split()))


def _no_key(key: str, overrides: Sequence[str], compose: Callable[[Sequence[str]], DictConfig]) -> str:
    given = next((o for o in overrides if o.lstrip("+~").split("=")[0] == key), key)
    if key == "experiment":
        return f"{given}: an experiment is added to the defaults: +{given}"
    known = known_keys(overrides, compose)
    parent, _, leaf = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent]
    hint = did_you_mean(leaf, siblings, f"{parent}." if parent else "")
    if not hint and siblings and parent:
        hint = f" Keys of {parent}: {', '.join(siblings)}"
    elif not hint:
        hint = f"{did_you_mean(key, known)} suite run --help lists all keys"
    return f"{given}: no such key.{hint}"


def known_keys(overrides: Sequence[str], compose: Callable[[Sequence[str]], DictConfig]) -> list[str]:
    """All keys of the configuration with the choices that the overrides make, such as `budget.weights`."""
    try:
        config = compose([o for o in overrides if o.split("=")[0] in GROUPS])
    except Exception:  # a group's choice may be wrong as well; the keys of the default choices will do
        config = compose([])
    return list(_keys(config))


def _keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in map(str, node):
        path = f"{prefix}{key}"
        yield path
        child = None if OmegaConf.is_missing(node, key) else node[key]
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{path}.")
