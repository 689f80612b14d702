"""Ability scores (能力得分): several data sets of one object brought to a few numbers.

An ability's score is the mean of its data sets' scores, by weight where the plan gives one; the overall score is the
mean of the abilities, each counting the same. A data set's score is the metric of its first scorer, averaged over rows.

Source: Volcengine Ark's evaluation page defines ability and overall scores as these two means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.domain.report import AbilityPart, AbilityScore
from steelyard.flow.metrics.rollup import Rollup, Share, rollup, weighted_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steelyard.domain.evaluation import UnitSpec
    from steelyard.domain.metric import Metric
    from steelyard.domain.report import UnitReport

Planned = dict[tuple[str, str], "UnitSpec"]
"""(label, data set version) -> what was planned."""


def ability_scores(units: Sequence[UnitReport], planned: Mapping[tuple[str, str], UnitSpec]) -> list[AbilityScore]:
    """Returns each object's abilities in the order of the plan, then its overall score.

    Empty when no object has more than one data set and none names an ability. Data sets that name no ability make one
    of their own, without a name. A data set without a value leaves its ability and the overall score without one.

    Args:
        units: in the order of the evaluation's units.
        planned: gives abilities and weights; a unit that is not planned counts 1, in no ability.
    """
    by_label: dict[str, list[UnitReport]] = {}
    for unit in units:
        by_label.setdefault(unit.label, []).append(unit)
    uses = {key: unit.dataset for key, unit in planned.items()}
    if all(len(own) == 1 for own in by_label.values()) and not any(use.ability for use in uses.values()):
        return []
    found: list[AbilityScore] = []
    for label, own in by_label.items():
        abilities: dict[str, list[tuple[AbilityPart, Metric | None]]] = {}
        for unit in own:
            use = uses.get((unit.label, unit.dataset_version_id))
            name, weight = (use.ability, use.weight) if use is not None else ("", 1.0)
            metric = unit.metrics[0] if unit.metrics else None
            abilities.setdefault(name, []).append((_part(unit, metric, weight), metric))
        found += _of_object(label, abilities)
    return found


def _part(unit: UnitReport, metric: Metric | None, weight: float) -> AbilityPart:
    return AbilityPart(
        dataset=unit.dataset,
        dataset_version_id=unit.dataset_version_id,
        metric=metric.name if metric is not None else "",
        signature=metric.signature if metric is not None else "",
        weight=weight,
        value=metric.value if metric is not None else None,
        coverage=metric.coverage if metric is not None else 0.0,
    )


def _of_object(label: str, abilities: Mapping[str, Sequence[tuple[AbilityPart, Metric | None]]]) -> list[AbilityScore]:
    found: list[AbilityScore] = []
    every: list[Share] = []
    for name, pairs in abilities.items():
        parts = [part for part, _ in pairs]
        shares: list[Share] = []
        for (_, metric), share in zip(pairs, weighted_shares([part.weight for part in parts]), strict=True):
            if metric is not None and metric.value is not None:
                shares.append(Share(metric.value, metric.interval, metric.interval_reason, share))
        every += [Share(one.value, one.interval, one.method, one.share / len(abilities)) for one in shares]
        found.append(_score(label, name, parts, shares, overall=False))
    parts = [part for one in found for part in one.parts]
    return [*found, _score(label, "", parts, every, overall=True)]


def _score(
    label: str, ability: str, parts: list[AbilityPart], shares: Sequence[Share], *, overall: bool
) -> AbilityScore:
    missing = [part.dataset for part in parts if part.value is None]
    summed = None if missing else rollup(shares)
    value, interval, reason = (None, None, "incomplete") if summed is None else _numbers(summed)
    return AbilityScore(label, ability, value, interval, reason, parts, missing, overall)


def _numbers(summed: Rollup) -> tuple[float | None, tuple[float, float] | None, str]:
    return summed.value, summed.interval, summed.method
