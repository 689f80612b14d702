"""The mean of several metrics with an interval, from their own values and intervals alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

Interval = tuple[float, float]


class Share(Struct, frozen=True):
    """One metric and how much of the mean it makes up."""

    value: float
    interval: Interval | None
    """95 %, around `value`."""
    method: str
    """What gave the interval, or why there is none."""
    share: float
    """0..1; the shares of one mean add up to 1."""


class Rollup(Struct, frozen=True):
    """A weighted mean, its 95 % interval, and the method that gave it or why there is none."""

    value: float
    interval: Interval | None
    method: str


def weighted_shares(weights: Sequence[float]) -> list[float]:
    """Returns the weights divided by their sum; they are positive and at least one."""
    # Divided by the largest first: a sum of very large weights must not overflow.
    largest = max(weights)
    scaled = [weight / largest for weight in weights]
    total = math.fsum(scaled)
    return [weight / total for weight in scaled]


def rollup(parts: Sequence[Share]) -> Rollup:
    """Returns the mean of independent metrics; needs one or more.

    One metric keeps its own interval. Of several, the distance from each value to each end of its own interval
    stands for that side's standard error, and the distances add up as variances do: the delta method for a linear
    combination, on each side of its own. Unlike with one standard error a metric, a value of 1 out of few rows is not
    taken to be certain, and skewed intervals stay skewed. Rows of different metrics must not be the same ones: the
    intervals of data sets that share rows would be too narrow.

    Source: Zou and Donner (2008), Statistics in Medicine 27:1693, "method of variance estimates recovery".
    """
    value = math.fsum(part.share * part.value for part in parts)
    if len(parts) == 1:
        return Rollup(parts[0].value, parts[0].interval, parts[0].method)
    below = above = 0.0
    for part in parts:
        if part.interval is None:
            return Rollup(value, None, "part_without_interval")
        below += (part.share * (part.value - part.interval[0])) ** 2
        above += (part.share * (part.interval[1] - part.value)) ** 2
    return Rollup(value, (max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above))), "mover")
