"""What of a configuration can change a result, as plain values that a run's id is the hash of.

The values are those of the objects that the configuration became, not its text: `1` and `1.0` are one number, and an
option that is null is as if it did not exist, so that adding one changes no id.
"""

import dataclasses
import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from omegaconf import OmegaConf

from suite.config import CONF
from suite.config.build import build, plain
from suite.hardware.layers import Layer
from suite.records.flat import flatten
from suite.records.recipes import digest

OWN_PACKAGES = ("suite.", "baselines.")
"""Where the classes of the suite itself are."""

CODE_KEY = "_code_"
"""Where a network's identity holds the hashes of its code, beside its settings."""


def typed_settings(instance: Any, node: Mapping[str, Any], ignored: Iterable[str] = ()) -> dict[str, Any]:
    """The settings of an object that was built from `node`, its class included, without those that are null.

    Args:
        instance: a dataclass, whose fields are its settings; of any other object the node's own values are taken.
        node: the configuration with `_target_`.
        ignored: settings that cannot change a result.
    """
    settings = _options(instance, node)
    considered: dict[str, Any] = _without_null({k: v for k, v in settings.items() if k not in set(ignored)})
    target = str(node["_target_"])
    # The suite's own classes are told apart by name and version, so that code may move without changing ids.
    return {"class": target.rpartition(".")[2] if target.startswith(OWN_PACKAGES) else target} | considered


def settings_of(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass as plain values, without those that are null."""
    return dict(_without_null(_plain_value(instance)))


def method_options(method: Any, node: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a method but its name, null ones included."""
    return {key: value for key, value in _options(method, node).items() if key != "name"}


def method_variant(method: Any, node: Mapping[str, Any], space: str) -> dict[str, Any]:
    """The options (dotted key -> value) that differ from the method's default, and `space` where it is not masks.

    The default is the built-in configuration of that name; of a third party's method the defaults of its class.
    """
    default_options = _default_options(method, node)
    default = flatten(default_options)
    differing = {
        key: value
        for key, value in flatten(method_options(method, node)).items()
        if key.split(".")[0] in default_options and (key, value) not in default.items()
    }
    return differing | ({} if space == "masks" else {"space": space})


def network_identity(node: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, Any]:
    """What identifies a network: its configuration; of one that is not the suite's own also its code.

    The suite's own networks change with the version of their benchmark. Of others the traced layers are hashed, and the
    source file of the class or function that makes them, so that edited code is another run.
    """
    if str(node["_target_"]).startswith("suite."):
        return dict(_plain_value(node))
    code = {"layers": hashlib.sha256(repr(tuple(layers)).encode()).hexdigest()}
    try:
        source = inspect.getsourcefile(resolve_name(str(node["_target_"])))
    except TypeError:  # of a class that was made in an interactive session
        source = None
    if source and Path(source).is_file():
        code["source"] = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return {**_plain_value(node), CODE_KEY: code}


def network_label(identity: Mapping[str, Any]) -> str:
    """A network of one's own for people: its class, and the start of the frame's `network`, as in "Tiny 3f9c2a"."""
    return f"{str(identity['_target_']).rpartition('.')[2]} {digest(identity)[:6]}"


def _options(instance: Any, node: Mapping[str, Any]) -> dict[str, Any]:
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        return dict(_plain_value(instance))
    return {key: _plain_value(value) for key, value in node.items() if key != "_target_"}


def _default_options(method: Any, node: Mapping[str, Any]) -> dict[str, Any]:
    path = CONF / "method" / f"{method.name}.yaml"
    if path.is_file():
        default_node = plain(OmegaConf.load(path))
        if default_node["_target_"] == node["_target_"]:
            return method_options(build(default_node, "method"), default_node)
    fields = dataclasses.fields(method) if dataclasses.is_dataclass(method) else ()
    defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    made = {f.name: f.default_factory() for f in fields if f.default_factory is not dataclasses.MISSING}
    return {key: _plain_value(value) for key, value in (defaults | made).items() if key != "name"}


def _plain_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain_value(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, Mapping):
        return {str(key): _plain_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_null(part) for key, part in value.items() if part is not None}
    return value
