"""Who a row is when its file gives no usable id: a hash of what is asked and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.json import Encoder

from steelyard.domain.ids import short_hash

if TYPE_CHECKING:
    from steelyard.domain.row import Row, Turn

_encode = Encoder(order="deterministic").encode


def content_id(row: Row) -> str:
    """Returns 16 hex digits over system text, history, inputs and references.

    Predictions, parameters and other columns do not count: the same question keeps its id in every result set.
    """
    return short_hash(_encode((row.system, row.history, [_asked(turn) for turn in row.turns])))


def _asked(turn: Turn) -> tuple[object, tuple[str, ...]]:
    return (turn.input, turn.references)
