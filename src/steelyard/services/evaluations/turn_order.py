"""Answers of one dialogue that come in any order are recorded in the order of its turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steelyard.domain.answer import AnswerRecord

Dialogue = tuple[int, int]
"""(position, repeat)"""


class TurnOrder:
    """Holds an answer back until the turns before it have theirs.

    A journal counts the turns of a dialogue that are there: one that came before its predecessor would be asked again
    after a death. Holds only dialogues with a turn on its way.
    """

    def __init__(self) -> None:
        self._next: dict[Dialogue, int] = {}
        self._waiting: dict[Dialogue, dict[int, AnswerRecord]] = {}

    def begin(self, position: int, repeat: int, done: int) -> None:
        """Says that the first `done` turns of a dialogue are recorded, and the others will come."""
        self._next[(position, repeat)] = done

    def ready(self, record: AnswerRecord, turns: int) -> Iterator[AnswerRecord]:
        """Takes the next record that came; yields those that may be recorded now, in order.

        Args:
            record: of a dialogue that has begun.
            turns: of the whole dialogue.
        """
        key = (record.position, record.repeat)
        waiting = self._waiting.setdefault(key, {})
        waiting[record.turn] = record
        while (due := waiting.pop(self._next[key], None)) is not None:
            self._next[key] += 1
            yield due
        if self._next[key] == turns:
            del self._next[key], self._waiting[key]
