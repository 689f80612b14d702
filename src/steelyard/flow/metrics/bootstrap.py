"""Bootstrap intervals: seeded, vectorised, in chunks of bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from steelyard.flow.metrics.distributions import normal_cdf, normal_quantile

if TYPE_CHECKING:
    from steelyard.flow.metrics.intervals import Floats, Ints

Pool = Callable[[Sequence[Sequence[float]]], float | None]
"""Turns sufficient statistics into one number; statistics add, so it may be given their sum as a single row."""

RESAMPLES = 9_999
POOL_RESAMPLES = 999
_CHUNK_CELLS = 2_000_000
_POOL_BLOCKS = 10_000


def bootstrap_means(values: Floats, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Returns the means of `resamples` samples with replacement; memory stays under about 32 MB."""
    generator = np.random.default_rng(seed)
    n = len(values)
    chunk = max(1, _CHUNK_CELLS // n)
    means = np.empty(resamples)
    for start in range(0, resamples, chunk):
        stop = min(resamples, start + chunk)
        means[start:stop] = values[generator.integers(0, n, (stop - start, n), dtype=np.int32)].mean(axis=1)
    return means


def bca_interval(
    values: Floats, seed: int, confidence: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Returns the bias-corrected and accelerated bootstrap interval of a mean; needs values that differ.

    The same values, in any order, and the same seed give the same interval.

    Source: Efron (1987), JASA 82:171.
    """
    values = np.sort(values)
    observed = float(values.mean())
    means = np.sort(bootstrap_means(values, seed, resamples))
    below = float(np.searchsorted(means, observed, "left") + np.searchsorted(means, observed, "right")) / (
        2 * resamples
    )
    bias = normal_quantile(min(max(below, 0.5 / resamples), 1.0 - 0.5 / resamples))
    centred = values - observed
    # Leaving one row out moves the mean by -centred/(n-1), so the jackknife needs no loop.
    acceleration = float((centred**3).sum()) / (6.0 * float((centred**2).sum()) ** 1.5)
    ends: list[float] = []
    for tail in ((1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0):
        shifted = bias + normal_quantile(tail)
        level = normal_cdf(bias + shifted / (1.0 - acceleration * shifted))
        ends.append(float(np.quantile(means, level)))
    return min(ends[0], observed), max(ends[1], observed)


def pooled_interval(
    parts: Floats, groups: Ints, pool: Pool, seed: int, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Returns the percentile interval of a pooled metric, resampling whole groups of rows.

    Args:
        parts: additive sufficient statistics, rows x k.
        groups: codes 0..G-1, one a row.
        pool: turns summed statistics into the metric.
        seed: of the resampling.
        confidence: of the interval.

    Returns:
        None when fewer than nine in ten resamples have a value.
    """
    blocks = _block_sums(parts, groups, seed)
    drawn = pooled_values(_resampled_sums(blocks, seed, POOL_RESAMPLES), pool)
    return percentile(drawn, confidence)


def pooled_values(sums: Floats, pool: Pool) -> Floats:
    """Returns the metric of each row of summed statistics; nan where there is none."""
    values = (pool([row]) for row in sums.tolist())
    return np.array([math.nan if value is None else value for value in values])


def percentile(drawn: Floats, confidence: float = 0.95) -> tuple[float, float] | None:
    """Returns the central interval of the finite values, or None when too few are."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < 0.9 * len(drawn):
        return None
    low, high = np.quantile(finite, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def pooled_difference(
    a: Floats, b: Floats, groups: Ints, pool: Pool, seed: int
) -> tuple[tuple[float, float] | None, float | None]:
    """Returns interval and two-sided p of pool(a) - pool(b) over the same rows.

    The interval is a paired percentile bootstrap; p exchanges the two objects' statistics group by group
    (approximate randomisation), counting the observed arrangement as one of them.

    Source: Noreen (1989); Riezler and Maxwell (2005) for translation metrics.
    """
    k = a.shape[1]
    blocks = _block_sums(np.concatenate([a, b], axis=1), groups, seed)
    sums = _resampled_sums(blocks, seed, POOL_RESAMPLES)
    drawn = pooled_values(sums[:, :k], pool) - pooled_values(sums[:, k:], pool)
    total = blocks.sum(axis=0)
    observed = float((pooled_values(total[None, :k], pool) - pooled_values(total[None, k:], pool))[0])
    kept = np.random.default_rng([seed, 2]).integers(0, 2, (POOL_RESAMPLES, len(blocks))).astype(np.float64)
    moved = kept @ (blocks[:, :k] - blocks[:, k:])
    swapped = pooled_values(total[k:] + moved, pool) - pooled_values(total[:k] - moved, pool)
    if not math.isfinite(observed) or not np.isfinite(swapped).all():
        return percentile(drawn), None
    extreme = int((np.abs(swapped) >= abs(observed) - 1e-12).sum())
    return percentile(drawn), (extreme + 1) / (POOL_RESAMPLES + 1)


def _block_sums(parts: Floats, groups: Ints, seed: int) -> Floats:
    """Sums statistics by group; above 10,000 groups, by random blocks of groups: cost stays bounded."""
    count = int(groups.max()) + 1
    if count > _POOL_BLOCKS:
        shuffled = np.random.default_rng([seed, 1]).permutation(count) % _POOL_BLOCKS
        groups, count = shuffled[groups], _POOL_BLOCKS
    sums = np.empty((count, parts.shape[1]))
    for index in range(parts.shape[1]):
        sums[:, index] = np.bincount(groups, weights=parts[:, index], minlength=count)
    return sums


def _resampled_sums(blocks: Floats, seed: int, resamples: int) -> Floats:
    generator = np.random.default_rng(seed)
    n = len(blocks)
    sums = np.empty((resamples, blocks.shape[1]))
    for index in range(resamples):
        counts = np.bincount(generator.integers(0, n, n), minlength=n).astype(np.float64)
        sums[index] = counts @ blocks
    return sums
