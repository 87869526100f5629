"""What can be chosen: every YAML file of every group, the built-in ones and the user's."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from suite import SuiteError
from suite.config import CONF

GROUPS = ("benchmark", "method", "device", "preset", "experiment")


@dataclass(frozen=True)
class Entry:
    """One choice of a group; `about` is the first comment line of its file."""

    group: str
    name: str
    about: str
    node: Any
    own: bool


def catalogue(config_dir: Path | None = None) -> list[Entry]:
    """All choices, by group and name; a user's file of the same name replaces the built-in one.

    Raises:
        SuiteError: `config_dir` is no folder, or one of its files is no YAML.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise SuiteError(f"--config-dir={config_dir}: no such folder")
    own = [] if config_dir is None else _read(config_dir, own=True)
    entries = {(entry.group, entry.name): entry for entry in (*_read(CONF, own=False), *own)}
    return [entries[key] for key in sorted(entries, key=lambda k: (GROUPS.index(k[0]), k[1]))]


def _read(root: Path, own: bool) -> Iterator[Entry]:
    for group in GROUPS:
        for path in sorted((root / group).rglob("*.yaml")):
            try:
                text = path.read_text()
                node = OmegaConf.load(path)
            except Exception as error:
                raise SuiteError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
            lines = [x.lstrip("# ") for x in text.splitlines() if x.startswith("#")]
            about = next((x for x in lines if not x.startswith("@")), "")
            name = path.relative_to(root / group).with_suffix("").as_posix()
            yield Entry(group, name, about, node, own)
