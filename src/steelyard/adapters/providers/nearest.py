"""Nearest example by TF-IDF over character n-grams, through an inverted index: fast enough for 20,000 x 20,000."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIZES = (2, 3)
_LONGEST = 400
_QUERY_GRAMS = 48


class NearestText:
    """Finds the text that shares the most telling character 2- and 3-grams with a query.

    Similarity is the cosine of (1 + log tf) x idf weights. Texts longer than 400 characters count by their first and
    last 200; a query counts by its 48 rarest n-grams.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        self._np = np
        self._count = len(texts)
        columns: dict[str, int] = {}
        owners, grams, counts = array("i"), array("i"), array("i")
        for number, text in enumerate(texts):
            for gram, count in _grams(text).items():
                owners.append(number)
                grams.append(columns.setdefault(gram, len(columns)))
                counts.append(count)
        self._columns = columns
        self._build(np.array(owners, np.int32), np.array(grams, np.int32), np.array(counts, np.float32))

    def find(self, query: str) -> int | None:
        """Returns the index of the nearest text, the earliest of equals; None when no n-gram is shared."""
        columns = self._columns
        idf = self._idf
        found = [(idf[c], c, n) for gram, n in _grams(query).items() if (c := columns.get(gram)) is not None]
        if not found:
            return None
        found.sort(reverse=True)
        np = self._np
        starts = self._starts
        parts: list[Any] = []
        weights: list[Any] = []
        for rarity, column, count in found[:_QUERY_GRAMS]:
            span = slice(starts[column], starts[column + 1])
            parts.append(self._owners[span])
            weights.append(self._weights[span] * (rarity * self._tf[min(count, len(self._tf) - 1)]))
        scores = np.bincount(np.concatenate(parts), np.concatenate(weights), self._count)
        return int(scores.argmax())

    def _build(self, owners: Any, grams: Any, counts: Any) -> None:
        np = self._np
        size = len(self._columns)
        frequency = np.bincount(grams, minlength=size)
        idf = np.log((1.0 + self._count) / (1.0 + frequency)) + 1.0
        weights = (1.0 + np.log(counts)) * idf[grams].astype(np.float32)
        norms = np.sqrt(np.bincount(owners, weights**2, self._count)).astype(np.float32)
        order = np.argsort(grams, kind="stable")
        self._owners = owners[order]
        self._weights = (weights / norms[owners])[order]
        self._starts: list[int] = np.concatenate(([0], np.cumsum(frequency))).tolist()
        self._idf: list[float] = idf.tolist()
        self._tf: list[float] = [0.0, *(1.0 + np.log(np.arange(1, _LONGEST + 1))).tolist()]


def _grams(text: str) -> Counter[str]:
    folded = " ".join(text.lower().split())
    if len(folded) > _LONGEST:
        folded = folded[: _LONGEST // 2] + " " + folded[-_LONGEST // 2 :]
    padded = f" {folded} " if folded else ""
    return Counter(padded[i : i + n] for n in _SIZES for i in range(len(padded) - n + 1))
