"""A data row (数据行): what is asked, with what it should be answered, as it crosses the road."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Content = str | list[dict[str, Any]]
"""A message's content: text, or OpenAI content parts (text, image_url ...) passed through untouched."""


class Message(Struct, frozen=True, omit_defaults=True):
    """One chat message; `role` is system, user or assistant."""

    role: str
    content: Content


class Turn(Struct, frozen=True, omit_defaults=True):
    """One question of a row: one request is sent for it."""

    input: Content
    references: tuple[str, ...] = ()
    """Acceptable answers; the best match counts. Empty when the row has no reference."""
    answer: str | None = None
    """The answer that already exists (result sets only)."""


class Row(Struct, frozen=True, omit_defaults=True):
    """One line of a data set: one turn, or a dialogue of several.

    `id` is the user's own where it is unique in the file, else a hash of the canonical content plus its
    occurrence; `position` (0-based) is the order in the file and never part of the identity.
    """

    id: str
    position: int
    turns: tuple[Turn, ...]
    system: str | None = None
    history: tuple[Message, ...] = ()
    """Messages that are sent before the first turn as they stand."""
    category: str | None = None
    group_id: str | None = None
    """Rows of one group (passage, template) are not independent: intervals are clustered by it."""
    session_id: str | None = None
    params: dict[str, Any] = {}
    """Request parameters of this row alone (Ark's `parameters` column)."""
    columns: dict[str, Any] = {}
    """Every other column of the file: for templates, filters and slices."""


class RowProblem(Struct, frozen=True):
    """Why one line of a file cannot be used.

    `line` is 1-based and counts as an editor does (for XLSX and Parquet: the sheet's or table's row, header included for XLSX).
    """

    file: str
    line: int
    column: str
    reason: str
    """One sentence, English, without a full stop."""

    def text(self) -> str:
        """Returns `file:line column: reason`."""
        column = f" {self.column}:" if self.column else ""
        return f"{self.file}:{self.line}:{column} {self.reason}"
