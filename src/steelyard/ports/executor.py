"""The door to work in the background: evaluations are handed over, carried out, and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from steelyard.domain.evaluation import Evaluation


class Executor(Protocol):
    """Carries evaluations out; what it does is in the stored evaluation, never in its own memory."""

    def submit(self, evaluation: Evaluation, *, retry_failed: bool = False) -> None:
        """Takes a stored, queued evaluation and returns at once. Handing over one that is under way already does nothing."""
        ...

    def stop(self, evaluation_id: str) -> bool:
        """Asks a running evaluation to stop; returns whether it is under way here."""
        ...
