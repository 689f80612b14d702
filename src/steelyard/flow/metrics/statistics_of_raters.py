"""The statistics of `STATISTICS` about raters and rankings: checked inputs to plain results."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from steelyard.flow.metrics import agreement, intervals
from steelyard.flow.metrics import statistics_in as take
from steelyard.flow.metrics.distributions import normal_quantile
from steelyard.flow.metrics.ranking import bradley_terry
from steelyard.flow.metrics.statistics_of import Result, floats, same_length, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


def _categories(given: Sequence[Hashable] | None, used: set[Hashable]) -> list[Hashable]:
    if given is not None:
        unknown = used - set(given)
        if unknown or len(set(given)) < len(given):
            raise wrong(
                "categories",
                f"do not hold {sorted(map(repr, unknown))}" if unknown else "hold one twice",
                "list every category once, in rising order",
            )
        return list(given)
    numbers = [value for value in used if isinstance(value, int | float)]
    if len(numbers) == len(used):
        return cast("list[Hashable]", sorted(numbers))
    if numbers:
        raise wrong("categories", "mix texts and numbers", "use one kind, or list the categories")
    return cast("list[Hashable]", sorted(cast("set[str]", used)))


def kappa(inputs: take.TwoRatersIn) -> Result:
    """Cohen's kappa with a bootstrap interval over items."""
    same_length(inputs.a, inputs.b)
    pairs = [(x, y) for x, y in zip(inputs.a, inputs.b, strict=True) if x is not None and y is not None]
    if not pairs:
        raise wrong("a", "and b share no rated item", "give at least one item that both rated")
    categories = _categories(inputs.categories, {value for pair in pairs for value in pair})
    place = {category: index for index, category in enumerate(categories)}
    size = len(categories)
    first, second = (np.array([place[pair[rater]] for pair in pairs]) for rater in (0, 1))

    def of(items: intervals.Ints) -> float | None:
        return agreement.cohen_kappa(first[items], second[items], size, inputs.weights)

    result = _agreement(of, len(pairs), inputs.seed, "cohen_kappa")
    return result | {"agreement": sum(x == y for x, y in pairs) / len(pairs)}


def _agreement(of: Callable[[intervals.Ints], float | None], n: int, seed: int, method: str) -> Result:
    value = of(np.arange(n))
    interval = agreement.item_bootstrap(of, n, seed) if value is not None and n > 1 else None
    ends = None if interval is None or value is None else [min(interval[0], value), max(interval[1], value)]
    reason = "" if value is not None else "chance alone gives full agreement, or no item has two ratings"
    return {"value": value, "n": n, "interval": ends, "method": method, "reason": reason}


def alpha(inputs: take.RatersIn) -> Result:
    """Krippendorff's alpha with a bootstrap interval over items."""
    items, categories = _rated(inputs)
    if inputs.level == "interval" and not all(isinstance(value, int | float) for value in categories):
        raise wrong("items", "hold texts, which have no interval", "use level nominal or ordinal, or numbers")
    if inputs.level == "ordinal" and inputs.categories is None and categories and isinstance(categories[0], str):
        raise wrong("categories", "are needed to order texts", "list them from lowest to highest")
    counts = agreement.counts_of(items, categories)
    values = _numbers(categories) if inputs.level == "interval" else np.zeros(len(categories))
    return _agreement(
        lambda at: agreement.krippendorff_alpha(counts[at], values, inputs.level),
        len(items),
        inputs.seed,
        "krippendorff_alpha",
    )


def _numbers(categories: Sequence[Hashable]) -> intervals.Floats:
    try:
        return floats([float(cast("float", value)) for value in categories])
    except OverflowError:
        raise wrong("items", "hold a number over 1.8e308", "give smaller numbers") from None


def ac1(inputs: take.RatersIn) -> Result:
    """Gwet's AC1 with a bootstrap interval over items."""
    items, categories = _rated(inputs)
    counts = agreement.counts_of(items, categories)
    return _agreement(lambda at: agreement.gwet_ac1(counts[at]), len(items), inputs.seed, "gwet_ac1")


def _rated(inputs: take.RatersIn) -> tuple[list[list[Hashable | None]], list[Hashable]]:
    items = cast("list[list[Hashable | None]]", inputs.items)
    categories = _categories(inputs.categories, {value for item in items for value in item if value is not None})
    if not any(sum(value is not None for value in item) >= 2 for item in items):
        raise wrong("items", "have no item with two ratings", "give at least two ratings of one item")
    return items, categories


def strengths(inputs: take.WinsIn) -> Result:
    """Bradley-Terry strengths with Wald intervals, mean 0, and the rank of each object."""
    size = len(inputs.wins)
    for index, row in enumerate(inputs.wins):
        if len(row) != size:
            raise wrong(f"wins[{index}]", f"has {len(row)} entries", f"give a square table of {size} x {size}")
    labels = inputs.labels if inputs.labels is not None else [str(index) for index in range(size)]
    if len(labels) != size:
        raise wrong("labels", f"has {len(labels)} entries for {size} objects", "give one label an object")
    fit = bradley_terry(np.array(inputs.wins, dtype=np.float64) + inputs.prior * (1 - np.eye(size)))
    half = normal_quantile(0.975) * fit.errors
    ranks = {index: rank for rank, index in enumerate(np.argsort(-fit.values, kind="stable").tolist(), 1)}
    objects = [
        {
            "label": labels[i],
            "strength": float(fit.values[i]),
            "se": float(fit.errors[i]),
            "interval": [float(fit.values[i] - half[i]), float(fit.values[i] + half[i])],
            "rank": ranks[i],
        }
        for i in range(size)
    ]
    return {"objects": objects, "converged": fit.converged, "method": "bradley_terry"}
