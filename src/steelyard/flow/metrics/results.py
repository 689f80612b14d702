"""What a report is computed from: a few numbers a row, never a text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.flow.metrics.bootstrap import Pool

Categories = list[str | None] | tuple[NDArray[np.int32], list[str]]
"""One name a row, or codes (-1: none) with the names they stand for."""


@dataclass(slots=True)
class ScoreColumn:
    """All scores of one scorer on one unit, one entry a (row, repeat, turn), in any order.

    Entries without a score have `scored` False, and their `value` is not looked at. Failed requests may be left out.
    """

    metric: str
    signature: str
    kind: Literal["rate", "mean"]
    """rate: every score is 0 or 1."""
    position: NDArray[np.int64]
    """0-based row, under the unit's `rows`."""
    repeat: NDArray[np.int32]
    turn: NDArray[np.int32]
    value: NDArray[np.float64]
    scored: NDArray[np.bool_]
    flags: dict[str, int] = field(default_factory=dict[str, int])
    """Scored answers by flag."""
    unscored: dict[str, int] = field(default_factory=dict[str, int])
    """Answers without a score by reason."""
    parts: NDArray[np.float64] | None = None
    """Additive sufficient statistics, one row an entry."""
    pool: Pool | None = None
    """Turns summed parts into the pooled metric."""


@dataclass(slots=True)
class UnitResults:
    """Everything known of one object on one data set."""

    label: str
    dataset: str
    dataset_version_id: str
    rows: int
    expected: int
    """Requests that were to be sent: rows x turns x repeats."""
    answered: int
    failed: int
    row_key: NDArray[np.uint64]
    """`row_keys` of the row ids by position: rows of two objects with equal keys are pairs."""
    group: NDArray[np.int64]
    """Codes by position; equal codes share a group, -1 stands alone."""
    category: Categories = field(default_factory=list[str | None])
    """By position; empty when the data set has none."""
    score_columns: list[ScoreColumn] = field(default_factory=list[ScoreColumn])
    failures: dict[str, int] = field(default_factory=dict[str, int])
    latency_ms: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    answers_without_usage: int = 0
    retried: int = 0
    price_input_per_1m: str = ""
    price_output_per_1m: str = ""
    currency: str = ""
    notes: list[str] = field(default_factory=list[str])
    examples: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def categories(self) -> tuple[NDArray[np.int32], list[str]]:
        """Returns one code a row (-1: none) and the names they stand for, sorted."""
        if isinstance(self.category, tuple):
            codes, names = self.category
            order = sorted(range(len(names)), key=names.__getitem__)
            rank = np.empty(len(names) + 1, np.int32)
            rank[order] = np.arange(len(names), dtype=np.int32)
            rank[-1] = -1
            return rank[codes], [names[index] for index in order]
        names = sorted({name for name in self.category if name})
        place = {name: index for index, name in enumerate(names)}
        codes = [place[name] if name else -1 for name in self.category] or [-1] * self.rows
        return np.array(codes, np.int32), names


def row_keys(row_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Returns one 64-bit hash a row id, equal for equal ids on every machine."""
    data = b"".join(
        hashlib.blake2b(row_id.encode("utf-8", "surrogatepass"), digest_size=8).digest() for row_id in row_ids
    )
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)
