"""The time that the database's own rows are stamped with."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Returns the present moment in UTC, RFC 3339 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
