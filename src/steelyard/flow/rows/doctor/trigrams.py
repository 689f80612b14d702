"""Texts as sets of hashed character trigrams: the same for Chinese and English, since nothing is cut into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SKETCH = 256
"""Trigrams that a sketch keeps, those with the smallest hashes."""


def trigram_hashes(texts: Sequence[str]) -> tuple[Any, Any]:
    """Returns (32-bit hashes, start of each text's hashes); numpy arrays of uint32 and int64.

    A text of n characters has n hashes, at least 3: its last two repeat its first, so that a minimum, a maximum or a
    set over a text's stretch is that of its trigrams.

    Args:
        texts: folded texts, at least one; shorter ones than three characters are filled up.
    """
    import numpy as np

    filled = [text if len(text) >= 3 else text.ljust(3, "\0") for text in texts]
    codes = np.frombuffer("".join(filled).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, filled), dtype=np.int64, count=len(filled))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    hashes = codes * np.uint32(0x9E3779B1)
    hashes[:-1] ^= codes[1:] * np.uint32(0x85EBCA77)
    hashes[:-1] = (hashes[:-1] << np.uint32(13)) | (hashes[:-1] >> np.uint32(19))
    hashes[:-2] += codes[2:] * np.uint32(0xC2B2AE3D)
    # The finaliser of MurmurHash3: the sum alone is too regular for minima to be fair draws.
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    hashes[ends - 1] = hashes[starts]
    hashes[ends - 2] = hashes[starts]
    return hashes, starts


def sketch(text: str) -> Any:
    """Returns the smallest `SKETCH` distinct trigram hashes of a folded text, ascending: at most 1 KiB."""
    import numpy as np

    hashes, _ = trigram_hashes([text])
    return np.unique(hashes)[:SKETCH].copy()


def similarity(left: Any, right: Any) -> float:
    """Returns the Jaccard similarity of two texts' trigrams, in [0, 1], from their sketches.

    Exact for texts of at most `SKETCH` - 1 distinct trigrams, else estimated with a standard error of at most 0.032.
    Source: Broder 1997, "On the resemblance and containment of documents".
    """
    import numpy as np

    merged = np.concatenate((left, right))
    merged.sort()
    # A hash that both texts have stands twice.
    again = merged[1:] == merged[:-1]
    firsts = np.flatnonzero(np.concatenate(([True], ~again)))
    if (len(left) >= SKETCH or len(right) >= SKETCH) and len(firsts) > SKETCH:
        return float(again[: firsts[SKETCH] - 1].sum() / SKETCH)
    return float(again.sum() / len(firsts))
