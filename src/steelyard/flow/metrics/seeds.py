"""Seeds that depend on what is computed, never on when or in which order."""

from __future__ import annotations

from steelyard.domain.ids import short_hash


def seed_of(*parts: str) -> int:
    """Returns a non-negative 64-bit seed that is the same for the same parts on every machine."""
    return int(short_hash(*parts), 16)
