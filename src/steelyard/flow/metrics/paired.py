"""Two objects on the same rows: is the difference more than chance?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from steelyard.flow.metrics.distributions import (
    P_SMALLEST,
    binomial_half_cdf,
    binomial_half_pmf,
    normal_two_sided,
    t_two_sided,
)
from steelyard.flow.metrics.intervals import Floats, Ints, clustered_estimate, mean_estimate, shares_groups, t_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

EXACT_ROWS = 16
NORMAL_ROWS = 20_000
MONTE_CARLO = 9_999
_PATTERN_BYTES = 8_000_000


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Returns the two-sided mid-p of McNemar's exact test from the two discordant counts.

    Source: Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91.
    """
    n, smaller = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    p = 2.0 * binomial_half_cdf(smaller, n) - binomial_half_pmf(smaller, n)
    return min(1.0, max(P_SMALLEST, p))


def sign_test(wins: int, losses: int) -> float:
    """Returns the exact two-sided p of wins against losses; ties are left out by the caller.

    Source: Dixon and Mood (1946), JASA 41:557.
    """
    n = wins + losses
    return min(1.0, max(P_SMALLEST, 2.0 * binomial_half_cdf(min(wins, losses), n))) if n else 1.0


def permutation_p(differences: Floats, seed: int) -> tuple[float, str]:
    """Returns the two-sided p of the sign-flip test of a zero mean difference, and how it was found.

    With at most 16 rows that differ all sign patterns are counted (`permutation_exact`); up to 20,000 rows
    9,999 seeded patterns are drawn, the observed one counting as one more (`permutation`); beyond, the statistic
    is normal for any practical purpose (`permutation_normal`).

    Source: Fisher (1935); Phipson and Smyth (2010) for the +1.
    """
    moving = differences[differences != 0.0]
    # Order must not matter, not even in the last bit of a sum.
    moving = moving[np.lexsort((moving, np.abs(moving)))]
    n = len(moving)
    if n == 0:
        return 1.0, "permutation_exact"
    observed = abs(float(moving.sum()))
    if n > NORMAL_ROWS:
        return normal_two_sided(observed / math.sqrt(float((moving**2).sum()))), "permutation_normal"
    limit = observed - 1e-9 * float(np.abs(moving).sum())
    if n <= EXACT_ROWS:
        sums = _byte_sums(moving, np.arange(2**n, dtype="<u2").view(np.uint8).reshape(-1, 2).T[: (n + 7) // 8])
        return float((np.abs(sums) >= limit).mean()), "permutation_exact"
    extreme, width = 0, (n + 7) // 8
    generator = np.random.default_rng(seed)
    chunk = max(1, _PATTERN_BYTES // width)
    for start in range(0, MONTE_CARLO, chunk):
        patterns = generator.integers(0, 256, (width, min(chunk, MONTE_CARLO - start)), dtype=np.uint8)
        extreme += int((np.abs(_byte_sums(moving, patterns)) >= limit).sum())
    return (extreme + 1) / (MONTE_CARLO + 1), "permutation"


def _byte_sums(values: Floats, patterns: np.ndarray) -> Floats:
    """Returns the signed sums of `values` for sign patterns of one bit a value.

    The 256 possible sums of each eight values are tabulated, so that a pattern costs n/8 look-ups. Patterns are bytes x
    patterns: one byte of all of them lies together in memory.
    """
    width, count = patterns.shape
    padded = np.zeros(width * 8)
    padded[: len(values)] = values
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    tables = padded.reshape(width, 8) @ (1.0 - 2.0 * bits.T)
    sums = np.zeros(count)
    for index in range(width):
        sums += tables[index].take(patterns[index])
    return sums


def paired_estimate(differences: Floats, groups: Ints) -> tuple[tuple[float, float], float, str]:
    """Returns the t interval of the mean difference, its two-sided p, and the method (t or clustered_t).

    Needs two or more rows (groups, when rows share any) whose differences are not all equal.
    """
    clustered = shares_groups(groups)
    estimate = clustered_estimate(differences, groups) if clustered else mean_estimate(differences)
    p = t_two_sided(estimate.mean / estimate.se, estimate.df)
    return t_interval(estimate), p, "clustered_t" if clustered else "t"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Returns p values adjusted so that the chance of any false claim among them stays at the level of one.

    A None stays None and does not count.

    Source: Holm (1979), Scand. J. Statist. 6:65.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = highest
    return adjusted
