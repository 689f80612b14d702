"""Everything an evaluation needs from outside, in one hand: built by `wiring`, passed to every use case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.ports.governor import Governors
    from steelyard.ports.journal import Results
    from steelyard.ports.provider import ProviderFactory
    from steelyard.ports.repositories import Repositories
    from steelyard.ports.rows import RowStore


@dataclass(frozen=True)
class Platform:
    """The doors, opened."""

    rows: RowStore
    results: Results
    repositories: Repositories
    providers: ProviderFactory
    governors: Governors
    now: Callable[[], str]
    """UTC, RFC 3339 with seconds."""
