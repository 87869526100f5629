"""What a run reports of its progress while it trains; `suite.cli.progress` draws it on a terminal."""

from collections.abc import Mapping


class Progress:
    """Receives progress and shows nothing: for tests, and for output that is not a terminal."""

    def begin_run(self, label: str) -> None:
        """A run starts; `label` names it to a person."""

    def begin(self, label: str, epochs: int) -> None:
        """A phase of `epochs` epochs starts."""

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        """`done` epochs are over; `ratios` is cost/target of each constraint."""

    def end(self) -> None:
        """The phase is over."""
