"""The int8 network of a run as its architecture.json keeps it: where each buffer lies, and what each operator costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALIGNMENT = 16
"""Buffers of the arena begin at multiples of so many bytes."""


@dataclass(frozen=True)
class Operator:
    """An operator of the int8 network, or its input; latency in the device's unit, the rest in bytes."""

    name: str
    kind: str
    weights: float
    flash: float
    latency: float

    @property
    def label(self) -> str:
        """Its name; "input" for the network's input, whose name is an argument's."""
        return "input" if self.kind == "input" else self.name


@dataclass(frozen=True)
class PlacedBuffer:
    """A buffer of `layer` in the arena: `bytes` from `offset` on, alive from operator `first` to operator `last`."""

    layer: str
    offset: int
    bytes: int
    first: int
    last: int

    @property
    def end(self) -> int:
        """Where the next buffer can begin."""
        return self.offset + -(-self.bytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class RunNetwork:
    """Operators in order, the input first, so that buffers count them; those of the reference network by name."""

    operators: tuple[Operator, ...]
    reference: Mapping[str, Operator]
    buffers: tuple[PlacedBuffer, ...]

    @classmethod
    def parse(cls, architecture: Mapping[str, Any]) -> "RunNetwork | None":
        """The network of a parsed architecture.json; None where it has no such nodes, as older ones.

        Raises:
            ValueError: a node holds something else than the suite writes.
        """
        if not {"operators", "memory"} <= set(architecture):
            return None
        try:
            operators = _operators(architecture["operators"])
            reference = _operators(architecture.get("reference_operators", []))
            buffers = tuple(
                PlacedBuffer(str(b["layer"]), *(int(b[key]) for key in ("offset", "bytes", "first", "last")))
                for b in architecture["memory"]
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"memory or operators are torn ({error!r})") from error
        if any(not 0 <= b.first <= b.last < len(operators) or min(b.offset, b.bytes) < 0 for b in buffers):
            raise ValueError("memory names operators that are not there")
        return cls(operators, {o.name: o for o in reference}, buffers)

    @property
    def peak(self) -> int:
        """Bytes of the arena's head, the metric `ram`."""
        return max((b.end for b in self.buffers), default=0)


def _operators(nodes: Sequence[Mapping[str, Any]]) -> tuple[Operator, ...]:
    costs = ("weights", "flash", "latency")
    return tuple(Operator(str(n["name"]), str(n["kind"]), *(float(n[key]) for key in costs)) for n in nodes)
