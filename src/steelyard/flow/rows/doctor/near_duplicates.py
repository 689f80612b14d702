"""Rows that ask nearly the same: MinHash signatures, and bands of them that agree (locality-sensitive hashing).

Memory is 52 bytes a row, whatever the rows hold. Pairs that come out are candidates: they are compared afterwards.
Source: Broder 1997 (MinHash); Indyk and Motwani 1998 (banding).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from steelyard.flow.rows.doctor.trigrams import trigram_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

BANDS = 12
ROWS = 5
"""Hashes a band; a pair of similarity s is a candidate with probability 1 - (1 - s**5)**12: 0.99 at 0.8, 0.32 at 0.5."""

MOST_CANDIDATES = 20_000
_MOST_OF_A_BAND = 100_000
_BATCH_CHARACTERS = 100_000
_RUN_MATES = 8


class NearDuplicates:
    """Takes texts one by one and says which may be near duplicates of each other.

    Args:
        seed: of the hash functions; the same seed and texts give the same candidates.
    """

    def __init__(self, seed: int = 0) -> None:
        import numpy as np

        generator = np.random.default_rng(seed)
        count = BANDS * ROWS
        self._factors = generator.integers(0, 2**31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        self._offsets = generator.integers(0, 2**32, count, dtype=np.uint32)
        self._positions = array("I")
        self._bands = [array("I") for _ in range(BANDS)]
        self._texts: list[str] = []
        self._characters = 0

    def add(self, position: int, text: str) -> None:
        """Takes the folded text of the row at this position."""
        self._positions.append(position)
        self._texts.append(text)
        self._characters += len(text)
        if self._characters >= _BATCH_CHARACTERS:
            self._take_batch()

    def candidates(self, same: Callable[[Any, Any], Any] | None = None) -> tuple[Any, bool]:
        """Returns (pairs of positions, whether some were left out); the pairs are an int64 array of shape (n, 2).

        At most `MOST_CANDIDATES` pairs, those that agree in the most bands; the earlier row stands first.

        Args:
            same: tells of two arrays of positions which pairs are known to be the same; those are no candidates.
        """
        import numpy as np

        self._take_batch()
        positions = np.array(self._positions, dtype=np.int64)
        found: list[Any] = []
        cut = False
        for band in self._bands:
            pairs = _mates(np.frombuffer(band, dtype=np.uint32)) if band else np.empty(0, np.uint64)
            if same is not None:
                # Before anything is left out: repeated questions agree best, and would crowd out those that are only near.
                pairs = pairs[~same(*_places(pairs, positions))]
            if len(pairs) > _MOST_OF_A_BAND:
                pairs, cut = pairs[:: len(pairs) // _MOST_OF_A_BAND + 1], True
            found.append(pairs)
        pairs, agreeing = np.unique(np.concatenate(found), return_counts=True)
        if len(pairs) > MOST_CANDIDATES:
            cut = True
            pairs = np.sort(pairs[np.argsort(-agreeing, kind="stable")[:MOST_CANDIDATES]])
        return np.stack(_places(pairs, positions), axis=1), cut

    def _take_batch(self) -> None:
        import numpy as np

        if not self._texts:
            return
        hashes, starts = trigram_hashes(self._texts)
        self._texts, self._characters = [], 0
        scratch = np.empty_like(hashes)
        for band in range(BANDS):
            key = np.full(len(starts), band + 1, dtype=np.uint32)
            for i in range(band * ROWS, band * ROWS + ROWS):
                np.bitwise_xor(hashes, self._offsets[i], out=scratch)
                np.multiply(scratch, self._factors[i], out=scratch)
                key = (key ^ np.minimum.reduceat(scratch, starts)) * np.uint32(0x01000193)
                key ^= key >> np.uint32(15)
            self._bands[band].frombytes(key.tobytes())


def _places(pairs: Any, positions: Any) -> tuple[Any, Any]:
    """Returns the positions of the earlier and of the later rows of packed pairs."""
    import numpy as np

    earlier, later = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return positions[earlier], positions[later]


def _mates(keys: Any) -> Any:
    """Returns pairs of places with equal keys, each `lower << 32 | higher`; in a long run with the first and the next few only."""
    import numpy as np

    order = np.argsort(keys, kind="stable").astype(np.uint64)
    ordered = keys[order]
    begins = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    firsts = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    # With its first, so that a large family comes down to one row; with the next few, for families that share a key by chance.
    found = [firsts[~begins] << np.uint64(32) | order[~begins]]
    for step in range(1, _RUN_MATES + 1):
        same = ordered[step:] == ordered[:-step]
        if not same.any():
            break
        found.append(order[:-step][same] << np.uint64(32) | order[step:][same])
        if sum(map(len, found)) > _MOST_OF_A_BAND:
            break
    return np.unique(np.concatenate(found))
