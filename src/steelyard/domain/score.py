"""What a scorer says of one answer (得分). An unreadable answer scores 0 and says so; a missing one has no score at all."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class ScoreCase(Struct, frozen=True):
    """What a scorer may look at: one turn with its answer."""

    answer: str
    references: tuple[str, ...] = ()
    prompt: str = ""
    columns: dict[str, Any] = {}
    """The row's other columns (keywords, schema, choices ... when a scorer's options name them)."""


class Scored(Struct, frozen=True, omit_defaults=True):
    """A score in 0..1."""

    value: float
    reason: str = ""
    """Short and readable: what was matched, extracted, or missing. No full answer texts."""
    flag: str = ""
    """"" or one of: unparsed (no choice / number could be read: value is 0), empty_answer, only_stop_words, timeout."""
    parts: tuple[float, ...] = ()
    """Sufficient statistics for metrics that pool rows before dividing (corpus BLEU); empty otherwise."""


class Unscored(Struct, frozen=True):
    """There is no score: excluded from the mean, counted, and shown."""

    reason: str
    """A stable code: no_reference, no_answer, bad_reference, ..."""


class ScoreRecord(Struct, frozen=True, omit_defaults=True):
    """What the journal and the scores table hold of one (unit, row, repeat, turn, scorer)."""

    unit: int
    row_id: str
    position: int
    repeat: int = 0
    turn: int = 0
    scorer: int = 0
    """Index into the scorer signatures of the journal part or table that holds this record."""
    value: float | None = None
    reason: str = ""
    flag: str = ""
    parts: tuple[float, ...] = ()
    epoch: int = 0


class ScorerSpec(Struct, frozen=True, omit_defaults=True):
    """A scorer and its options as the plan names them: the serialisable recipe."""

    name: str
    options: dict[str, Any] = {}
