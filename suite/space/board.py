"""The memory of a board as limits, and whether a network fits it."""

from typing import Any

from suite import SuiteError
from suite.hardware.arena import Arena
from suite.hardware.latency import Device
from suite.hardware.layers import Network
from suite.records.verdict import BOARD_UNKNOWN, Board
from suite.space.budget import KILO, Budget, Constraint

_MEMORIES = {"ram": "ram_kib", "flash": "flash_kib"}


def board_node(device: Device, network: Network, flash: float) -> dict[str, Any]:
    """What a traced network needs of the device's board and whether it fits, for a run's record.

    Bytes, None where the device's file does not say what the board has; `fits` is None where that leaves it open.
    `flash` is the network's file alone; the program comes on top.
    """
    arena, limits = Arena.of(network), _limits(device)
    node: dict[str, Any] = {
        "head": arena.head,
        "scratch": arena.scratch,
        "tail": arena.tail,
        "arena": arena.total,
        "flash": int(flash),
        "ram_limit": limits["ram"],
        "flash_limit": limits["flash"],
    }
    return {"fits": Board.of(node).fits, **node}


def with_board_limits(budget: Budget, device: Device, beside_head: int) -> Budget:
    """The budget with the board's memory as limits of `ram` and `flash`, where it has none that are lower.

    Args:
        budget: other limits.
        device: with the board's memory.
        beside_head: bytes that are kept free for the rest of the arena (`suite.hardware.arena.largest_beside_head`):
            every network within the limits fits the board, and a few that would just fit are left out.

    Raises:
        SuiteError: the device's file does not say how much memory the board has, or it is too little.
    """
    limits = {metric: limit for metric, limit in _limits(device).items() if limit is not None}
    if unknown := [f"device.{_MEMORIES[metric]}" for metric in _MEMORIES if metric not in limits]:
        raise SuiteError(f"budget.board=true: {BOARD_UNKNOWN}, {' and '.join(unknown)} of {device.name} not given")
    if limits["ram"] <= beside_head:
        raise SuiteError(
            f"budget.board=true: device.ram_kib={limits['ram'] // KILO} of {device.name}: up to {beside_head:,} B are "
            "kept for scratch of kernels and the interpreter, and nothing is left for activations"
        )
    constraints = {c.metric: c for c in budget}
    for metric, target in (("ram", limits["ram"] - beside_head), ("flash", limits["flash"])):
        if metric not in constraints or constraints[metric].target > target:
            constraints[metric] = Constraint(metric, float(target), "board")
    return Budget(tuple(constraints.values()))


def check_board(budget: Budget, device: Device) -> None:
    """Refuse limits that the board cannot hold.

    Raises:
        SuiteError: naming the limit and the board's memory.
    """
    limits = _limits(device)
    for c in budget:
        limit = limits.get(c.metric)
        if limit is not None and c.target > limit:
            raise SuiteError(
                f"budget.{c.metric}={c.text} ({c.target:,.0f} B) is more than the board of {device.name} has "
                f"({limit // KILO:,} KiB): give less, or another device"
            )


def _limits(device: Device) -> dict[str, int | None]:
    memories = {metric: getattr(device, name, None) for metric, name in _MEMORIES.items()}
    return {metric: None if kib is None else int(kib * KILO) for metric, kib in memories.items()}
