"""How far raters agree beyond chance: Cohen's kappa, Krippendorff's alpha, Gwet's AC1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from steelyard.flow.metrics.intervals import Floats, Ints

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]


def counts_of(items: Sequence[Sequence[Hashable | None]], categories: Sequence[Hashable]) -> Floats:
    """Returns how many raters put each item into each category, items x categories; None is a missing rating."""
    place = {category: index for index, category in enumerate(categories)}
    counts = np.zeros((len(items), len(categories)))
    for row, ratings in enumerate(items):
        for rating in ratings:
            if rating is not None:
                counts[row, place[rating]] += 1
    return counts


def percent_agreement(counts: Floats) -> float | None:
    """Returns the chance that two ratings of one item agree, over the items with two or more ratings."""
    totals = counts.sum(axis=1)
    usable = counts[totals >= 2]
    if not len(usable):
        return None
    n = usable.sum(axis=1)
    return float(((usable * (usable - 1)).sum(axis=1) / (n * (n - 1))).mean())


def cohen_kappa(first: Ints, second: Ints, size: int, weights: Weights = "none") -> float | None:
    """Returns Cohen's kappa of two raters; takes time in n + size, not in size².

    Args:
        first: the first rater's categories, item by item, as 0..size-1 in rising order.
        second: the second rater's.
        size: number of categories.
        weights: how bad a disagreement is: the same for all, |i-j|, or (i-j)².

    Returns:
        None when chance alone would give full agreement (both used one category only).

    Source: Cohen (1960, 1968).
    """
    n = len(first)
    p, q = np.bincount(first, minlength=size) / n, np.bincount(second, minlength=size) / n
    apart = np.abs(first - second).astype(np.float64)
    if weights == "none":
        seen, chance = float((apart > 0).mean()), 1.0 - float(p @ q)
    elif weights == "linear":
        # The mean distance of two independent ranks, from their distribution functions.
        below, beneath = np.cumsum(p), np.cumsum(q)
        seen, chance = float(apart.mean()), float((below * (1.0 - beneath) + beneath * (1.0 - below)).sum())
    else:
        # Counted from the first rater's mean, so that the product of the two means is 0 and nothing large cancels.
        ranks = np.arange(size) - float(p @ np.arange(size))
        seen = float((apart**2).mean())
        chance = float(p @ ranks**2) + float(q @ ranks**2)
    one_category = p.max() == 1.0 and bool((p == q).all())
    return None if one_category else 1.0 - seen / chance


def krippendorff_alpha(counts: Floats, values: Floats, level: Level = "nominal") -> float | None:
    """Returns Krippendorff's alpha for any number of raters, with ratings missing at will.

    Args:
        counts: items x categories, categories in rising order.
        values: the categories' numbers (used by `interval` alone).
        level: how far two categories are apart.

    Returns:
        None when no item has two ratings, or all ratings are equal.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    totals = counts.sum(axis=1)
    usable = counts[totals >= 2]
    if not len(usable):
        return None
    scaled = usable / (usable.sum(axis=1) - 1.0)[:, None]
    coincidences = scaled.T @ usable - np.diag(scaled.sum(axis=0))
    margins = coincidences.sum(axis=0)
    distance = _distance(margins, values, level)
    expected = float((np.outer(margins, margins) * distance).sum()) / (float(margins.sum()) - 1.0)
    return 1.0 - float((coincidences * distance).sum()) / expected if expected > 0 else None


def _distance(margins: Floats, values: Floats, level: Level) -> Floats:
    if level == "nominal":
        return 1.0 - np.eye(len(margins))
    if level == "interval":
        # Only ratios of distances count, and values within -1..1 cannot overflow.
        largest = float(np.abs(values).max())
        shares = values / largest if largest > 0 else values
        return np.subtract.outer(shares, shares) ** 2
    # The ranks between two categories, each end counted half.
    middle = np.cumsum(margins) - margins / 2.0
    return np.subtract.outer(middle, middle) ** 2


def gwet_ac1(counts: Floats) -> float | None:
    """Returns Gwet's AC1: like kappa, but steady when one category is rare.

    Args:
        counts: items x categories; the columns are all categories that could have been chosen.

    Returns:
        None when no item has two ratings or there is one category only.

    Source: Gwet (2008), Br. J. Math. Stat. Psychol. 61:29.
    """
    agreed = percent_agreement(counts)
    size = counts.shape[1]
    if agreed is None or size < 2:
        return None
    rated = counts[counts.sum(axis=1) >= 1]
    shares = (rated / rated.sum(axis=1)[:, None]).mean(axis=0)
    chance = float((shares * (1.0 - shares)).sum()) / (size - 1)
    return (agreed - chance) / (1.0 - chance)


def item_bootstrap(
    statistic: Callable[[Ints], float | None], n: int, seed: int, resamples: int = 999
) -> tuple[float, float] | None:
    """Returns the 95 % percentile interval of a statistic over resampled items.

    Args:
        statistic: of the items at these indices; None where it is undefined.
        n: number of items.
        seed: of the resampling.
        resamples: how many.

    Returns:
        None when fewer than nine in ten resamples have a value.
    """
    generator = np.random.default_rng(seed)
    drawn = [statistic(generator.integers(0, n, n)) for _ in range(resamples)]
    known = [value for value in drawn if value is not None]
    if len(known) < 0.9 * resamples:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
