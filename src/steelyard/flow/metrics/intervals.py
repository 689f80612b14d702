"""Intervals of one proportion or one mean."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steelyard.flow.metrics.distributions import beta_quantile, normal_quantile, t_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MeanEstimate(NamedTuple):
    """A mean with its standard error; `df` are the degrees of freedom of its t interval."""

    mean: float
    se: float
    df: int


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the score interval of a proportion; needs n > 0 and 0 <= successes <= n.

    Source: Wilson (1927), JASA 22:209; recommended for any n by Brown, Cai and DasGupta (2001).
    """
    z = normal_quantile(0.5 + confidence / 2.0)
    p = successes / n
    centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
    # At the two ends the bound is exact; rounding must not push the estimate out of its own interval.
    low = 0.0 if successes == 0 else min(max(0.0, centre - half), p)
    high = 1.0 if successes == n else max(min(1.0, centre + half), p)
    return low, high


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the exact interval of a proportion: it covers at least `confidence`, at the price of width.

    Source: Clopper and Pearson (1934), Biometrika 26:404.
    """
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else beta_quantile(tail, successes, n - successes + 1.0)
    high = 1.0 if successes == n else beta_quantile(1.0 - tail, successes + 1.0, float(n - successes))
    return low, high


def mean_estimate(values: Floats) -> MeanEstimate:
    """Returns mean and standard error of independent values; needs two or more."""
    n = len(values)
    return MeanEstimate(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n), n - 1)


def clustered_estimate(values: Floats, groups: Ints) -> MeanEstimate:
    """Returns the mean with a standard error that allows for rows of one group resembling each other.

    Args:
        values: one value a row.
        groups: one code a row; equal codes share a group, -1 stands alone. Needs two or more groups.

    Source: the cluster-robust variance of a mean (Miller 2024, arXiv:2411.00640, section 2.2), with the usual
    small-sample factor G/(G-1) and G-1 degrees of freedom.
    """
    codes = group_codes(groups)
    n, count = len(values), int(codes.max()) + 1
    mean = float(values.mean())
    sums = np.bincount(codes, weights=values - mean, minlength=count)
    variance = float((sums**2).sum()) / n**2 * count / (count - 1)
    return MeanEstimate(mean, math.sqrt(variance), count - 1)


def group_codes(groups: Ints) -> Ints:
    """Returns codes 0..G-1 in which every -1 has become a group of its own."""
    codes = groups.astype(np.int64, copy=True)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def shares_groups(groups: Ints) -> bool:
    """Returns whether any two rows are in one group."""
    named = groups[groups >= 0]
    return len(np.unique(named)) < len(named)


def t_interval(estimate: MeanEstimate, confidence: float = 0.95) -> tuple[float, float]:
    """Returns mean -/+ t * se."""
    half = t_quantile(0.5 + confidence / 2.0, estimate.df) * estimate.se
    return estimate.mean - half, estimate.mean + half


def varies(values: Floats) -> bool:
    """Returns whether the values differ by more than rounding."""
    return len(values) > 0 and float(np.ptp(values)) > 1e-9


def no_variation_bound(value: float, n: int, low: float, high: float, confidence: float = 0.95) -> tuple[float, float]:
    """Returns an interval for the mean of n equal values that may lie anywhere in [low, high].

    Equal values show no spread, yet not that there is none: by the score bound at most z²/(n+z²) of all rows may
    differ from what was seen, each by as much as the range allows. For 0/1 values this is Wilson's interval.
    """
    z = normal_quantile(0.5 + confidence / 2.0)
    share = z * z / (n + z * z)
    return value - share * (value - low), value + share * (high - value)
