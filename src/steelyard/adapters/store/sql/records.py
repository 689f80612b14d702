"""Records as text, and lists of them as pages."""

from __future__ import annotations

import base64
import binascii
import logging
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import literal, tuple_

from steelyard.domain.errors import InputError, StorageError
from steelyard.ports.repositories import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection, Row, Select, Table

T = TypeVar("T")

_LIMIT_MAX = 1000
_log = logging.getLogger("steelyard.store")
_told: set[str] = set()
"""Messages about unreadable records that were logged already."""


def encode(value: object) -> str:
    """Returns the value as JSON text.

    Raises:
        InputError: a text in it is no Unicode (a lone surrogate).
    """
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise InputError("a text holds half a character (a lone surrogate)", hint="send valid UTF-8") from error


def decode(text: str, kind: type[T], where: str) -> T:
    """Returns the record; fields it does not know are skipped, fields it lacks take their defaults.

    Raises:
        StorageError: the text is no such record.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StorageError(f"a stored record cannot be read: {error}", where=where) from error


def readable(rows: Iterable[Row[Any]], decode_row: Callable[[Row[Any]], T]) -> list[T]:
    """Returns the records that can be read; each other one is left out and logged once, so that it hides no good one."""
    found: list[T] = []
    for row in rows:
        try:
            found.append(decode_row(row))
        except StorageError as error:
            if (line := error.line()) not in _told:
                _told.add(line)
                _log.error("left out of lists: %s", line)
    return found


def read_page(
    connection: Connection,
    statement: Select[Any],
    table: Table,
    decode_row: Callable[[Row[Any]], object],
    *,
    limit: int,
    cursor: str | None,
) -> Page:
    """Returns one page of `statement`'s rows, newest first; records added meanwhile neither repeat nor hide others.

    A record that cannot be read is left out, so that a page may hold less than `limit`.

    Raises:
        InputError: `limit` is not in 1..1000, or the cursor did not come from here.
    """
    if not 1 <= limit <= _LIMIT_MAX:
        raise InputError(f"limit must be 1 to {_LIMIT_MAX}", where=f"limit={limit}", code="bad_limit")
    place = tuple_(table.c.created_at, table.c.id)
    if cursor is not None:
        statement = statement.where(place < tuple_(*(literal(part) for part in _open_cursor(cursor))))
    # One more than asked for tells whether there is a next page.
    rows = connection.execute(statement.order_by(*newest_first(table)).limit(limit + 1)).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(readable(shown, decode_row), _cursor(shown[-1]) if more else None)


def newest_first(table: Table) -> tuple[Any, Any]:
    """Returns the order of every list."""
    return table.c.created_at.desc(), table.c.id.desc()


def _cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((row.created_at, row.id))).decode().rstrip("=")


def _open_cursor(cursor: str) -> tuple[str, str]:
    try:
        padded = (cursor + "=" * (-len(cursor) % 4)).encode("ascii")
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=tuple[str, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise InputError(
            "the cursor is not one that a list returned",
            where="cursor",
            hint="pass next_cursor as it was returned, or leave it out to start from the newest",
            code="bad_cursor",
        ) from error
