"""A run's architecture as the page draws it: layers with their widths beside the seed network's."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.records.record import RunRecord


def diagram(path: Path, record: RunRecord) -> dict[str, Any]:
    """`layers`, `input` shape and, where there are any, the chosen branches (`choices`) of an architecture.json.

    Raises: ValueError, KeyError or TypeError: the file is torn or not an architecture.
    """
    found = json.loads(path.read_text())
    layers = found["layers"]
    seeds = reference_widths(layers, found["widths"], record.reference_widths)
    told = {
        "input": list(found["input_shape"]),
        "layers": [
            {key: layer[key] for key in ("name", "kind", "out", "kernel", "stride", "size")} | {"seed": seed}
            for layer, seed in zip(layers, seeds, strict=True)
        ],
    }
    choices = found.get("choices") or {}
    return told | ({"choices": {str(k): str(v) for k, v in sorted(choices.items())}} if choices else {})


def reference_widths(
    layers: Sequence[Mapping[str, Any]], widths: Mapping[str, int], seed: Mapping[str, int]
) -> list[int | None]:
    """The seed network's width of each layer, None where the record does not say.

    A record names one layer of each group of channels. Another layer of a group has the group's width, so it is one of
    the groups that are as wide as the layer; where all of these have the same width in the seed, that is the layer's. A
    depthwise layer has the width of the layer before it. The last layer's is the task's and was never searched.
    """
    found: list[int | None] = []
    for i, layer in enumerate(layers):
        before = layers[i - 1] if i else None
        if layer["name"] in seed:
            found.append(seed[layer["name"]])
        elif layer["kind"] == "depthwise":
            found.append(found[-1] if before is not None and before["out"] == layer["out"] else None)
        elif i == len(layers) - 1:
            found.append(None)
        else:
            possible = {seed.get(name) for name, width in widths.items() if width == layer["out"]}
            found.append(possible.pop() if len(possible) == 1 else None)
    return found
