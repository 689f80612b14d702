"""What CSV, spreadsheets and Parquet share: a header that names every column once, and cells that may be empty."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def header_of(names: Sequence[object], where: str) -> list[str]:
    """Returns the column names without surrounding spaces.

    Raises:
        InputError: a name is empty or stands twice.
    """
    header = ["" if name is None else str(name).strip() for name in names]
    for index, name in enumerate(header):
        if not name:
            raise InputError(
                f"column {index + 1} of the header has no name",
                where=where,
                hint="name every column",
                code="bad_header",
            )
        if name in header[:index]:
            raise InputError(
                f"the header names the column '{name}' twice", where=where, hint="rename one of them", code="bad_header"
            )
    return header


def ragged(cells: int, header: int) -> str:
    """Returns why a row with another number of cells than the header is refused."""
    return f"has {cells} cells, the header has {header}"


def plain(value: object) -> Any:
    """Returns a cell as JSON has it: dates in ISO 8601, whole decimals as integers, NaN and infinity as None.

    Nulls within objects are left out, since columns of structs cannot leave a field out themselves.

    Raises:
        ValueError: bytes that are no UTF-8 text.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return plain(int(value) if value.is_finite() and value == value.to_integral_value() else float(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in cast("dict[object, object]", value).items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("Sequence[object]", value)]
    return str(value)
