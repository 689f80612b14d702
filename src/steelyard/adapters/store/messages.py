"""The commonest messages of failures, counted over any number of records in a few bytes each."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from steelyard.domain.report import FailureMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_MESSAGES = 3
MESSAGE_CHARACTERS = 200
DISTINCT_MESSAGES = 10_000
"""Endpoints may write a number of their own into every message: beyond these, new messages are left out."""


class MessageNumbers:
    """Which message each record has: nothing as long as no record failed, then 4 bytes a record and each text once."""

    def __init__(self) -> None:
        self._codes = array("i")
        """-1 without a message."""
        self._texts: dict[str, int] = {}

    def add(self, place: int, message: str) -> None:
        """Takes the message of the failure that is record number `place`; the records between had none."""
        self._fill(place)
        self._codes.append(self._code(message))

    def add_batch(self, place: int, messages: Any, failed: Any) -> None:
        """Takes a column of messages whose first is of record number `place`; only those that failed are looked at."""
        import numpy as np

        if failed.any():
            codes = np.full(len(failed), -1, np.int32)
            texts = messages.to_numpy(zero_copy_only=False)[failed]
            codes[failed] = [self._code(text or "") for text in texts]
            self._fill(place)
            self._codes.frombytes(codes.tobytes())

    def commonest(self, newest: Any, reasons: Any, names: Sequence[str]) -> dict[str, list[FailureMessage]]:
        """Returns up to three messages a reason, most frequent first, equal counts by text.

        Args:
            newest: numbers of the records that count.
            reasons: code of the reason of each of these; 0 is none.
            names: of the reasons, by code.
        """
        import numpy as np

        if not self._texts:
            return {}
        self._fill(int(newest.max()) + 1)
        codes, texts = np.frombuffer(self._codes, np.int32)[newest], list(self._texts)
        found: dict[str, list[FailureMessage]] = {}
        for reason in np.unique(reasons[reasons > 0]):
            said, counts = np.unique(codes[(reasons == reason) & (codes >= 0)], return_counts=True)
            messages = [FailureMessage(texts[i], int(n)) for i, n in zip(said, counts, strict=True)]
            if messages:
                found[names[int(reason)]] = sorted(messages, key=lambda one: (-one.count, one.message))[:MOST_MESSAGES]
        return found

    def _fill(self, length: int) -> None:
        self._codes.frombytes(b"\xff" * (self._codes.itemsize * (length - len(self._codes))))

    def _code(self, message: str) -> int:
        line = " ".join(message.split())
        shown = line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 1] + "…"
        if not shown or (shown not in self._texts and len(self._texts) >= DISTINCT_MESSAGES):
            return -1
        return self._texts.setdefault(shown, len(self._texts))
