"""Whether a run's network fits, in words: the budget's limits, and the memory of the board that it is to run on.

"fits" alone is said only where both hold. Every table, figure and line takes its words from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suite.records.record import RunRecord

BOARD_UNKNOWN = "memory of the board unknown"


@dataclass(frozen=True)
class Memory:
    """One memory of a board in bytes: what the network needs of it and what the board has; None where unknown."""

    name: str
    needed: int | None
    limit: int | None

    @property
    def fits(self) -> bool | None:
        """Whether it holds what the network needs; None where that cannot be told."""
        return None if self.needed is None or self.limit is None else self.needed <= self.limit


@dataclass(frozen=True)
class Board:
    """What a run's record says of the board's RAM (the whole arena) and flash (the network's file)."""

    memories: tuple[Memory, ...]

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Board":
        """The board of a record's node `board`; nothing is known where that is empty, as in older records."""
        needs = (("RAM", "arena", "ram_limit"), ("flash", "flash", "flash_limit"))
        return cls(tuple(Memory(name, *(_bytes(node.get(key)) for key in keys)) for name, *keys in needs))

    @property
    def fits(self) -> bool | None:
        """Whether both memories hold the network; None where one is unknown and the other does not decide."""
        fits = [memory.fits for memory in self.memories]
        return False if False in fits else None if None in fits else True

    @property
    def exceeded(self) -> str:
        """The memories that are too small: "RAM 90,112 of 65,536 B"."""
        return ", ".join(f"{m.name} {m.needed:,} of {m.limit:,} B" for m in self.memories if m.fits is False)

    @property
    def unknown(self) -> str:
        """Which memory is unknown: "flash of the board unknown"; "" where none is."""
        missing = [memory.name for memory in self.memories if memory.fits is None]
        if not missing:
            return ""
        return BOARD_UNKNOWN if len(missing) == len(self.memories) else f"{missing[0]} of the board unknown"


def describe_fit(record: RunRecord) -> str:
    """The verdict on a finished run in a few words; "" for a run that did not finish.

    Examples: "fits" (budget and board), "fits the budget; memory of the board unknown", "fits the budget, not the board
    (RAM 90,112 of 65,536 B)", "violates by 3.1 %", "no budget; fits the board".
    """
    if record.status != "done":
        return ""
    board = Board.of(record.board)
    if not record.targets:
        exceeded = f"does not fit the board ({board.exceeded})" if board.fits is False else ""
        return f"no budget; {exceeded or board.unknown or 'fits the board'}"
    if not record.feasible:
        missed = f"violates by {_percent(max(record.violations.values(), default=0.0))} %"
        return missed + (f", and exceeds the board ({board.exceeded})" if board.fits is False else "")
    if board.fits is False:
        return f"fits the budget, not the board ({board.exceeded})"
    return "fits" if board.fits else f"fits the budget; {board.unknown}"


def _bytes(value: object) -> int | None:
    return value if type(value) is int else None  # exactly: true is no number


def _percent(violation: float) -> str:
    """A violation in %, to one decimal; what is above 0 never reads as 0."""
    return "<0.1" if 0 < violation < 0.0005 else f"{100 * violation:.1f}"
