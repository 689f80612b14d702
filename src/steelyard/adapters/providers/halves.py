"""The rows a baseline may learn from: a seeded half for each row, never the half that holds the row itself."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from msgspec import Struct

from steelyard.domain.ids import short_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.domain.row import Content, Row

INDEX_ROWS = 20_000
"""Rows of one half that a baseline is fitted on at most: those with the lowest hashes."""


class Example(Struct, frozen=True):
    """One question with its first reference."""

    input: str
    reference: str


def half_of(row_id: str, seed: int) -> int:
    """Returns 0 or 1, fixed by row id and seed."""
    return _hash(row_id, seed) & 1


def split_halves(rows: Iterable[Row], seed: int) -> tuple[list[Example], list[Example]]:
    """Returns the examples of both halves, in file order; rows without a reference give none.

    Reads the rows once and keeps at most `INDEX_ROWS` of them for each half.
    """
    kept: tuple[list[tuple[int, int, Row]], list[tuple[int, int, Row]]] = ([], [])
    for row in rows:
        if not any(turn.references for turn in row.turns):
            continue
        rank = _hash(row.id, seed)
        heap = kept[rank & 1]
        item = (-rank, -row.position, row)
        if len(heap) < INDEX_ROWS:
            heapq.heappush(heap, item)
        elif item[:2] > heap[0][:2]:
            heapq.heapreplace(heap, item)
    return _examples(kept[0]), _examples(kept[1])


def content_text(content: Content) -> str:
    """Returns the text of a message's content; images and other parts have none."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in content)
    return " ".join(text for text in texts if isinstance(text, str))


def _examples(heap: list[tuple[int, int, Row]]) -> list[Example]:
    rows = sorted((item[2] for item in heap), key=lambda row: row.position)
    return [Example(content_text(t.input), t.references[0]) for row in rows for t in row.turns if t.references]


def _hash(row_id: str, seed: int) -> int:
    return int(short_hash(str(seed), row_id), 16)
