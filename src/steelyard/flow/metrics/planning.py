"""How many rows a comparison needs."""

from __future__ import annotations

import math

from steelyard.flow.metrics.distributions import normal_quantile


def sample_size(
    difference: float,
    *,
    between_variance: float = 1.0 / 9.0,
    within_variance_a: float = 0.0,
    within_variance_b: float = 0.0,
    repeats_a: int = 1,
    repeats_b: int = 1,
    power: float = 0.8,
    level: float = 0.05,
) -> int:
    """Returns the rows needed to show a true paired difference.

    Args:
        difference: the smallest difference that matters, 0..1.
        between_variance: variance over rows of the difference of the two objects' expected scores.
        within_variance_a: mean variance of repeated scores of one row, object a.
        within_variance_b: the same of object b.
        repeats_a: answers a row of object a.
        repeats_b: answers a row of object b.
        power: chance to show it.
        level: two-sided significance level.

    Source: Miller (2024), arXiv:2411.00640, section 5.
    """
    z = normal_quantile(1.0 - level / 2.0) + normal_quantile(power)
    variance = between_variance + within_variance_a / repeats_a + within_variance_b / repeats_b
    return max(2, math.ceil(z * z * variance / difference**2))
