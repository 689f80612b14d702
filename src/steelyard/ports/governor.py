"""The door to permission: one governor per endpoint decides who may send, and when."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from steelyard.domain.answer import Answer, AttemptFailure
from steelyard.domain.request import EndpointSpec


class GovernorState(Struct):
    """What the governor allows just now."""

    in_flight: int
    limit: int
    """Current adaptive concurrency."""
    waiting: int
    paused_s: float
    """Seconds until the endpoint's Retry-After has passed; 0 when nothing is held back."""


class Permit(Protocol):
    """Leave to send one attempt."""

    def settle(self, result: Answer | AttemptFailure | None) -> None:
        """Gives the place back and tells how it went; None: cancelled before an outcome was known."""
        ...


class Governor(Protocol):
    """Requests and tokens per minute, adaptive concurrency, fairness between parties, for one endpoint."""

    async def admit(self, party: str, tokens: int) -> Permit:
        """Waits until this attempt may be sent.

        Args:
            party: the evaluation (or other user of the endpoint) that asks; parties share in turn.
            tokens: tokens that the attempt may use at most; corrected when the permit is settled with an answer.
        """
        ...

    def state(self) -> GovernorState:
        """Returns what is allowed just now."""
        ...


class Governors(Protocol):
    """All governors of this installation."""

    def of(self, endpoint: EndpointSpec, max_concurrency: int | None = None) -> Governor:
        """Returns the one governor of this address, model and credential; a second call returns the same.

        `max_concurrency` caps one evaluation's use and is taken as the smallest cap that is given.
        """
        ...
