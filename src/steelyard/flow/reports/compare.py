"""Units of several evaluations side by side: what may be compared is, what may not is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct

from steelyard.domain.metric import PairedDifference  # noqa: TC001 - msgspec reads the annotation
from steelyard.flow.metrics.differences import ScoredUnit, adjusted, paired_differences, shared_rows
from steelyard.flow.reports.build import scored_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.flow.metrics.results import UnitResults


@dataclass(slots=True)
class EvaluationResults:
    """The results of one evaluation that takes part."""

    evaluation_id: str
    name: str
    units: Sequence[UnitResults]


class NotComparable(Struct, frozen=True):
    """Two numbers that must not be set against each other."""

    a: str
    b: str
    """Labels of the two units; `b` is empty when no unit of the other evaluation has rows in common."""
    metric: str
    """Empty when it is about whole units."""
    reason: str
    """different_signature, only_in_a, only_in_b or no_common_rows."""
    signature_a: str = ""
    signature_b: str = ""


class Comparison(Struct, frozen=True):
    """What `compare` found, over all pairs of units of different evaluations."""

    version: int
    evaluations: dict[str, str]
    """Id -> name."""
    differences: list[PairedDifference]
    not_comparable: list[NotComparable]
    notes: list[str]
    """paired_by_row_id: some pairs are of different data set versions, whose rows are told apart by their ids alone."""


def compare_reports(evaluations: Sequence[EvaluationResults]) -> Comparison:
    """Compares the units of every two evaluations on the rows they share.

    Only metrics with equal signatures are compared; the others are listed. Labels that occur in more than one
    evaluation become `label @ evaluation`.
    """
    groups = _labelled(evaluations)
    differences: list[PairedDifference] = []
    refused: list[NotComparable] = []
    by_id = False
    for left, right in combinations(groups, 2):
        matched: set[int] = set()
        for a in left:
            partners = [b for b in right if len(shared_rows(a.unit, b.unit)[0])]
            matched |= {id(b) for b in partners}
            if not partners:
                refused.append(NotComparable(a.label, "", "", "no_common_rows"))
            for b in partners:
                by_id = by_id or a.unit.dataset_version_id != b.unit.dataset_version_id
                differences += paired_differences(a, b, "compare", a.unit.dataset)
                refused += _refused(a, b)
        refused += [NotComparable(b.label, "", "", "no_common_rows") for b in right if id(b) not in matched]
    return Comparison(
        version=1,
        evaluations={one.evaluation_id: one.name for one in evaluations},
        differences=adjusted(differences),
        not_comparable=refused,
        notes=["paired_by_row_id"] if by_id else [],
    )


def _labelled(evaluations: Sequence[EvaluationResults]) -> list[list[ScoredUnit]]:
    times = Counter(label for one in evaluations for label in {unit.label for unit in one.units})
    names = Counter(one.name for one in evaluations)
    return [
        [
            scored_unit(
                unit,
                f"{unit.label} @ {one.name if one.name and names[one.name] == 1 else one.evaluation_id}"
                if times[unit.label] > 1
                else unit.label,
            )
            for unit in one.units
        ]
        for one in evaluations
    ]


def _refused(a: ScoredUnit, b: ScoredUnit) -> list[NotComparable]:
    """Lists the metrics of two units that have no partner of equal signature."""
    of_a = {column.signature: column.metric for column in a.unit.score_columns}
    of_b = {column.signature: column.metric for column in b.unit.score_columns}
    left = {metric: signature for signature, metric in of_a.items() if signature not in of_b}
    right = {metric: signature for signature, metric in of_b.items() if signature not in of_a}
    both = [(m, s, right[m]) for m, s in left.items() if m in right]
    return [
        *(NotComparable(a.label, b.label, m, "different_signature", s, other) for m, s, other in both),
        *(NotComparable(a.label, b.label, m, "only_in_a", s) for m, s in left.items() if m not in right),
        *(NotComparable(a.label, b.label, m, "only_in_b", "", s) for m, s in right.items() if m not in left),
    ]
