"""How often each of few values occurs, for values that may turn out to be many."""

from __future__ import annotations

from typing import Any

MOST = 1_000


class Tally:
    """Counts values; gives up counting new ones after `MOST` different ones, so that memory stays flat."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.overflow = 0
        """Occurrences of values that came too late to be counted by themselves."""

    def add(self, value: str) -> None:
        """Counts one occurrence."""
        if value in self.counts or len(self.counts) < MOST:
            self.counts[value] = self.counts.get(value, 0) + 1
        else:
            self.overflow += 1

    def largest(self, most: int = MOST) -> dict[str, int]:
        """Returns the most frequent values with their counts, largest first, ties by name."""
        return dict(sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:most])


def unusual(lengths: Any) -> tuple[Any, dict[str, int | float]]:
    """Returns (positions of unusual lengths, ascending; median, low and high bound).

    Unusual is a length whose logarithm is more than 5 robust standard deviations (1.4826 times the median absolute
    deviation, at least 0.2) from the median. Empty texts (length 0) are left out.

    Args:
        lengths: characters of each row's text, a numpy array.
    """
    import numpy as np

    logs = np.log(np.maximum(lengths, 1).astype(np.float64))
    filled = lengths > 0
    if filled.sum() < 20:
        return np.empty(0, np.int64), {}
    middle = float(np.median(logs[filled]))
    spread = 5 * max(1.4826 * float(np.median(np.abs(logs[filled] - middle))), 0.2)
    bounds: dict[str, int | float] = {
        "median": round(float(np.exp(middle))),
        "low": round(float(np.exp(middle - spread)), 1),
        "high": round(float(np.exp(middle + spread)), 1),
    }
    return np.flatnonzero(filled & (np.abs(logs - middle) > spread)), bounds
