"""What a decoded file hands over: one value with the line it began on, not yet understood."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class RawRecord(Struct, frozen=True):
    """One record of a file: an object (JSON object, table row) or an array (a dialogue's turns)."""

    line: int
    """1-based, as an editor counts; of a record over several lines, the first."""
    value: dict[str, Any] | list[Any]
    file: str = ""
    """The member of an archive that holds it, as messages name it; "" for a file of its own."""


class RowFault(Exception):  # noqa: N818 - recorded as a RowProblem, not shown as an error
    """A record cannot become a row: `column` is what to look at, `reason` says why."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
