"""From configuration nodes to objects: the class that `_target_` names, with types and ranges checked."""

import dataclasses
import sys
from collections.abc import Mapping
from contextlib import suppress
from pkgutil import resolve_name
from typing import Any

import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

import suite.config.laws  # noqa: F401  (what a configuration may refer to)
from suite import SuiteError, did_you_mean


def plain(node: Any) -> Any:
    """A config node as dicts and lists, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def require_mapping(node: Any, key: str) -> dict[str, Any]:
    """The plain node `key` as a dict.

    Raises:
        SuiteError: it is a list, a word or nothing.
    """
    if not isinstance(node, Mapping):
        what = " with the key _target_" if key.partition(".")[2] in ("", "network", "supernet") else ""
        raise SuiteError(f"{key}={node}: expected a mapping{what}")
    return dict(node)


def build(node: Any, key: str) -> Any:
    """Instantiate the class that `node._target_` names with the node's other keys, checked against its annotations.

    Args:
        node: a config node or dict.
        key: where it stands, for messages: "method", "device", "benchmark.network".

    Raises:
        SuiteError: no such class, an unknown or missing key, a value of another type or out of range, or a reference
            to what is not there.
    """
    try:
        node = plain(node)
    except OmegaConfBaseException as error:
        raise SuiteError(f"{key}: {error.msg or error}".splitlines()[0]) from error
    values = require_mapping(node, key)
    target = values.pop("_target_", None)
    if not isinstance(target, str):
        raise SuiteError(f"{key}._target_ is missing: name the class, as package.module.Class")
    made = construct(_import(target, key), values, key)
    if missing := [name for name in _MEMBERS.get(key.split()[0], ()) if not hasattr(made, name)]:
        raise SuiteError(f"{key}._target_={target}: is no {key}, it lacks {', '.join(missing)}")
    return made


_MEMBERS = {
    "device": ("name", "clock_mhz", "power_mw", "monotone", "layer_cycles"),
    "method": ("name", "version", "search"),
    "benchmark": ("name", "version", "chance", "input_shape", "source", "balanced", "loss", "predict", "scores"),
}
"""What is asked of an object before anything is trained, by where it stands."""


def _import(target: str, key: str) -> Any:
    try:
        return resolve_name(target)
    except Exception as error:  # the module's own code may raise anything
        setting = key if key == "network" else f"{key}._target_"
        module, _, name = target.rpartition(".")
        hint = did_you_mean(name, [x for x in dir(sys.modules.get(module)) if not x.startswith("_")])
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SuiteError(f"{setting}={target}: cannot be imported ({reason}).{hint}") from error


def build_network(node: Any, key: str, *, trusted: bool = True) -> nn.Module:
    """Instantiate the network that `node._target_` names.

    Args:
        node: a config node or dict.
        key: where it stands, for messages.
        trusted: whether code outside the suite may run; without it, as for records of others, only network classes of
            the suite itself are instantiated.

    Raises:
        SuiteError: as `build`; what is named is no nn.Module; or it is not the suite's own and not trusted.
    """
    target = str(dict(plain(node)).get("_target_"))
    if not trusted:
        _check_own_network(target, key)
    if target.startswith("suite.models."):  # others may have side effects, which are to happen once
        with torch.device("meta"):
            _check_size(build(node, key), key)
    network = build(node, key)
    if not isinstance(network, nn.Module):
        raise SuiteError(f"{key}: {target} is not an nn.Module")
    return network


def _check_size(network: Any, key: str) -> None:
    """Refuse a width in a file that would take all memory; tensors on `meta` take none, and no random numbers."""
    size = sum(parameter.numel() for parameter in network.parameters()) if isinstance(network, nn.Module) else 0
    if size > MOST_PARAMETERS:
        raise SuiteError(f"{key}: a network of {size:,} parameters; at most {MOST_PARAMETERS:,}")


MOST_PARAMETERS = 1 << 28
"""Of a network of the suite: a gigabyte of weights."""


def _check_own_network(target: str, key: str) -> None:
    module, factory = target.rpartition(".")[0], None
    with suppress(ImportError, AttributeError, ValueError):
        factory = resolve_name(target) if target.startswith("suite.models.") else None
    if not (isinstance(factory, type) and issubclass(factory, nn.Module) and factory.__module__ == module):
        raise SuiteError(
            f"{key}: {target} is not a network of the suite; its code runs only where it is trusted "
            "(trusted=True, or --trusted)"
        )


def construct(factory: Any, values: dict[str, Any], key: str) -> Any:
    """Call `factory(**values)`; dataclasses have their values converted and checked, nested ones first."""
    if dataclasses.is_dataclass(factory):
        values = {name: _convert(factory, name, value, key) for name, value in values.items()}
    try:
        return factory(**values)
    except SuiteError:
        raise
    except Exception as error:  # the class's own code may raise anything
        text = str(error) if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: {error}"
        text = text.splitlines()[0] if text else type(error).__name__  # below it torch lists its C++ functions
        raise SuiteError(text if text.startswith(f"{key}.") else f"{key}: {text}") from error


def _convert(factory: Any, name: str, value: Any, key: str) -> Any:
    fields = {f.name: f for f in dataclasses.fields(factory) if f.init}
    if name not in fields:
        raise SuiteError(f"{key}.{name}={value}: no such key. Choices: {', '.join(fields)}")
    kind: Any = fields[name].type
    if dataclasses.is_dataclass(kind):
        return construct(kind, require_mapping(value, f"{key}.{name}"), f"{key}.{name}")
    if kind not in (str, int, float, bool, str | None, int | None, float | None):
        return value
    node = dataclasses.make_dataclass("Value", [("value", kind)])
    try:
        return OmegaConf.structured(node(value)).value
    except (OmegaConfBaseException, OverflowError) as error:
        raise SuiteError(f"{key}.{name}={value}: {getattr(error, 'msg', error)}".splitlines()[0]) from error
