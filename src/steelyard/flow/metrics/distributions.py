"""Tail areas and quantiles of the normal, t, beta and binomial distributions, in plain Python.

A report needs a handful of values; a scientific library would take longer to load than they take to compute.
"""

from __future__ import annotations

import math
from statistics import NormalDist

P_SMALLEST = 2.0**-1022
"""The smallest p value: no test shows that something is impossible, only that a float cannot hold how unlikely it is."""

_NORMAL = NormalDist()
_TINY = 1e-300
_EXPANSION_DF = 2000.0


def normal_quantile(probability: float) -> float:
    """Returns z with P(Z <= z) = probability, for 0 < probability < 1."""
    return _NORMAL.inv_cdf(probability)


def normal_two_sided(z: float) -> float:
    """Returns P(|Z| >= |z|), at least `P_SMALLEST`."""
    return max(P_SMALLEST, math.erfc(abs(z) / math.sqrt(2.0)))


def normal_cdf(z: float) -> float:
    """Returns P(Z <= z)."""
    return _NORMAL.cdf(z)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Returns the regularised incomplete beta function I_x(a, b), for a, b > 0.

    Source: the continued fraction of Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    # The fraction converges fast only left of the mean; the symmetry I_x(a,b) = 1 - I_{1-x}(b,a) covers the rest.
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return min(1.0, math.exp(log_front) * _beta_fraction(x, a, b) / a)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    result = d
    for m in range(1, 20_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for coefficient in (even, odd):
            d = 1.0 + coefficient * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + coefficient / c
            c = c if abs(c) > _TINY else _TINY
            step = c * d
            result *= step
        if abs(step - 1.0) < 1e-15:
            break
    return result


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Returns x with I_x(a, b) = probability, by bisection to 1e-15 relative."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * high:
            break
    return (low + high) / 2.0


def t_two_sided(t: float, df: float) -> float:
    """Returns P(|T| >= |t|) with df degrees of freedom, at least `P_SMALLEST`."""
    return max(P_SMALLEST, beta_cdf(df / (df + t * t), df / 2.0, 0.5))


def t_quantile(probability: float, df: float) -> float:
    """Returns the quantile of Student's t.

    Source: beyond 2,000 degrees of freedom the expansion of Abramowitz and Stegun 26.7.5, exact there to 1e-12.
    """
    if probability < 0.5:
        return -t_quantile(1.0 - probability, df)
    if probability == 0.5:
        return 0.0
    if df > _EXPANSION_DF:
        z = normal_quantile(probability)
        first = (z**3 + z) / 4.0
        second = (5 * z**5 + 16 * z**3 + 3 * z) / 96.0
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384.0
        return z + first / df + second / df**2 + third / df**3
    ratio = beta_quantile(2.0 * (1.0 - probability), df / 2.0, 0.5)
    return math.sqrt(df * (1.0 - ratio) / ratio)


def binomial_half_pmf(k: int, n: int) -> float:
    """Returns P(X = k) for X ~ Binomial(n, 1/2)."""
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2.0))


def binomial_half_cdf(k: int, n: int) -> float:
    """Returns P(X <= k) for X ~ Binomial(n, 1/2)."""
    if k >= n:
        return 1.0
    return beta_cdf(0.5, n - k, k + 1.0) if k >= 0 else 0.0
