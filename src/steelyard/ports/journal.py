"""The door to recorded results: one writer per evaluation appends, any number of readers look on without a lock.

Recorded means written: it survives the death of the process at once, and a power cut within 200 ms or 64 records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from steelyard.domain.answer import AnswerRecord
from steelyard.domain.report import FailureMessage
from steelyard.domain.score import ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class UnitShape(Struct, frozen=True):
    """How many results one unit can have."""

    rows: int
    repeats: int


class Recorded(Struct):
    """What is recorded of one unit already: bytes per (position x repeat), holding how many turns are there.

    `answered[i]` and `scored[signature][i]` with i = position * repeats + repeat. Turns are recorded in order.
    """

    answered: bytearray
    scored: dict[str, bytearray]
    n_answered: int = 0
    n_failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Journal(Protocol):
    """The one writer of an evaluation's results."""

    epoch: int
    """Grows by one at every opening; part of every record."""

    def append(self, answer: AnswerRecord, scores: Sequence[ScoreRecord]) -> None:
        """Records an answer (or failure) with the scores it already has, before control returns to the event loop's next round.

        Raises:
            StorageError: an earlier write failed (disk full, folder gone); nothing after the last good record counts.
        """
        ...

    def append_scores(self, scores: Sequence[ScoreRecord]) -> None:
        """Records scores of one answer that was recorded earlier. Raises as `append`."""
        ...

    def flush(self) -> None:
        """Records now what was appended in this round of the event loop. Raises as `append`."""
        ...

    def close(self) -> None:
        """Syncs, closes, compacts what is worth it, and releases the lock. Raises StorageError as `append`."""
        ...


class AnswerSummary(Struct):
    """Figures over all recorded answers of one unit; arrays are per answer that came."""

    answered: int
    failed: int
    failures: dict[str, int]
    latency_ms: Sequence[float]
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    answers_without_usage: int
    retried: int
    messages: dict[str, list[FailureMessage]] = {}
    """Per reason of `failures` its commonest messages, at most three, most frequent first; equal counts by message."""


class ScoreArrays(Struct):
    """All scores of one signature on one unit: numpy arrays of equal length, sorted by position, repeat, turn."""

    position: Any
    """int64"""
    repeat: Any
    """int32"""
    turn: Any
    """int32"""
    value: Any
    """float64; 0 where `scored` is false."""
    scored: Any
    """bool"""
    flags: dict[str, int]
    """Scored answers by flag."""
    unscored: dict[str, int]
    """Answers without a score by reason."""
    parts: Any = None
    """float64, n x k, or None."""


class Results(Protocol):
    """The results of all evaluations of this installation."""

    def open_journal(self, evaluation_id: str, signatures: Sequence[str]) -> Journal:
        """Locks the evaluation for writing, repairs a torn tail, and starts a new part.

        Args:
            evaluation_id: `ame-` id.
            signatures: of the scorers; a ScoreRecord's `scorer` indexes into it.

        Raises:
            ConflictError: another process (or another task of this one) writes this evaluation.
            StorageError: the folder cannot be written.
        """
        ...

    def is_locked(self, evaluation_id: str) -> bool:
        """Returns whether some process is writing this evaluation just now."""
        ...

    def recorded(self, evaluation_id: str, shapes: Sequence[UnitShape], retry_failed: bool = False) -> list[Recorded]:
        """Returns per unit what is recorded. With `retry_failed`, failures (and the turns after them) count as not recorded."""
        ...

    def answers(
        self, evaluation_id: str, unit: int | None = None, positions: tuple[int, int] | None = None
    ) -> Iterator[AnswerRecord]:
        """Yields recorded answers, newest record of each key last, in the order of their recording.

        Args:
            evaluation_id: `ame-` id.
            unit: only this unit.
            positions: only rows in [start, stop).
        """
        ...

    def scores(
        self, evaluation_id: str, unit: int | None = None, positions: tuple[int, int] | None = None
    ) -> Iterator[tuple[str, ScoreRecord]]:
        """Yields (signature, record), ordered and narrowed like `answers`."""
        ...

    def summary(self, evaluation_id: str, unit: int, shape: UnitShape) -> AnswerSummary:
        """Returns the figures of one unit; of several records of one key only the newest counts."""
        ...

    def score_arrays(
        self, evaluation_id: str, unit: int, shape: UnitShape, signatures: Sequence[str]
    ) -> list[ScoreArrays]:
        """Returns the scores of each signature, in the order given; of several records of one key only the newest counts."""
        ...

    def write_report(self, evaluation_id: str, report: bytes) -> None:
        """Keeps the report of an ended evaluation, replacing an older one whole."""
        ...

    def read_report(self, evaluation_id: str) -> bytes | None:
        """Returns the report that was kept, or None."""
        ...

    def delete(self, evaluation_id: str) -> None:
        """Removes everything recorded. Raises ConflictError while it is being written."""
        ...
