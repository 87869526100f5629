"""A run's architecture as the page draws it: layers with their widths beside the reference network's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from suite.records.record import RunRecord


def layer_diagram(content: bytes, record: RunRecord) -> dict[str, Any]:
    """`layers`, `input` shape and, where there are any, the chosen branches (`choices`) of an architecture.json.

    Raises:
        ValueError, KeyError or TypeError: the file is torn or not an architecture.
    """
    architecture = json.loads(content)
    layers = architecture["layers"]
    references = reference_widths(layers, architecture["widths"], record.reference_widths)
    diagram = {
        "input": list(architecture["input_shape"]),
        "layers": [
            {key: layer[key] for key in ("name", "kind", "out", "kernel", "stride", "size")} | {"reference": width}
            for layer, width in zip(layers, references, strict=True)
        ],
    }
    choices = architecture.get("choices") or {}
    return diagram | ({"choices": {str(k): str(v) for k, v in sorted(choices.items())}} if choices else {})


def reference_widths(
    layers: Sequence[Mapping[str, Any]], widths: Mapping[str, int], reference: Mapping[str, int]
) -> list[int | None]:
    """The reference network's width of each layer, None where the record does not say.

    `widths` and `reference` are the widths of the groups of channels in the run's and in the reference network; a group
    has the name of one of its layers. Another layer of a group has the group's width, so it is one of the groups that
    are as wide as the layer; where all of these have the same width in the reference network, that is the layer's. A
    depthwise layer has the width of the layer before it. The last layer's is the task's and was never searched.
    """
    known: list[int | None] = []
    for i, layer in enumerate(layers):
        previous = layers[i - 1] if i else None
        if layer["name"] in reference:
            known.append(reference[layer["name"]])
        elif layer["kind"] == "depthwise":
            known.append(known[-1] if previous is not None and previous["out"] == layer["out"] else None)
        elif i == len(layers) - 1:
            known.append(None)
        else:
            possible = {reference.get(name) for name, width in widths.items() if width == layer["out"]}
            known.append(possible.pop() if len(possible) == 1 else None)
    return known
