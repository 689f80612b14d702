"""What a row asks, as text to look at and as a hash to compare; and what it expects."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from msgspec.json import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.row import Content, Row

_encode = Encoder(order="deterministic").encode


def plain_text(content: Content) -> str:
    """Returns a message's text; of content parts the text parts, one a line."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")


def is_text_only(content: Content) -> bool:
    """Returns whether nothing but text is in it."""
    return isinstance(content, str) or all(part.get("type") == "text" for part in content)


def question_text(row: Row) -> str:
    """Returns all that the row asks: system text, history and inputs, one a line."""
    if len(row.turns) == 1 and row.system is None and not row.history:
        return plain_text(row.turns[0].input)
    parts = [row.system or "", *(plain_text(m.content) for m in row.history), *(plain_text(t.input) for t in row.turns)]
    return "\n".join(part for part in parts if part)


def asks_in_text_only(row: Row) -> bool:
    """Returns whether neither its inputs nor its history hold images or other media."""
    return all(is_text_only(t.input) for t in row.turns) and all(is_text_only(m.content) for m in row.history)


def hash_of(value: Any) -> int:
    """Returns 64 bits (BLAKE2b) over a value; the order of dictionary keys does not count."""
    return int.from_bytes(blake2b(_encode(value), digest_size=8).digest(), "little")


def question_hash(row: Row, columns: Sequence[str] = ()) -> int:
    """Returns 64 bits over what is asked: system text, history, inputs, parameters and the named columns, to the letter."""
    more = [row.columns.get(name) for name in columns]
    return hash_of((row.system, row.history, [turn.input for turn in row.turns], row.params, more))


def reference_hash(row: Row) -> int:
    """Returns 64 bits over the references of all turns; their order does not count."""
    return hash_of([sorted(turn.references) for turn in row.turns])


def answer_hash(row: Row) -> int:
    """Returns 64 bits over the answers that exist already; 0 when the row holds none."""
    if all(turn.answer is None for turn in row.turns):
        return 0
    return hash_of([turn.answer for turn in row.turns])
