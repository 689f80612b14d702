"""What a reader must know before believing a number, as stable codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.evaluation import EvaluationSpec, UnitSpec
    from steelyard.domain.metric import Metric
    from steelyard.flow.metrics.results import UnitResults

LOW_COVERAGE = 0.95
FEW_ROWS = 30
FEW_GROUPS = 20
HIGH_UNPARSED = 0.05

_FLOORS = frozenset({"majority", "retrieval", "echo"})
_USES_REFERENCES = frozenset({"majority", "retrieval"})


def unit_notes(
    unit: UnitResults, metrics: Sequence[Metric], spec: EvaluationSpec, planned: UnitSpec | None
) -> list[str]:
    """Returns the codes that apply to a unit, those it brought first, each once."""
    codes = [*unit.notes, *_of_plan(unit, spec, planned), *_of_metrics(unit, metrics), *_of_groups(unit)]
    if unit.failed:
        codes.append("failed_requests")
    if unit.answers_without_usage:
        codes.append("cost_incomplete" if unit.price_input_per_1m else "usage_incomplete")
    return list(dict.fromkeys(codes))


def _of_plan(unit: UnitResults, spec: EvaluationSpec, planned: UnitSpec | None) -> list[str]:
    if planned is None:
        return []
    builtin = planned.object.endpoint.builtin if planned.object.endpoint is not None else ""
    return [
        *(["floor_baseline"] if builtin in _FLOORS else []),
        *(["uses_references"] if builtin in _USES_REFERENCES else []),
        *(["sampled"] if spec.limit is not None and unit.rows < planned.dataset.row_count else []),
    ]


def _of_metrics(unit: UnitResults, metrics: Sequence[Metric]) -> list[str]:
    scored = {column.signature: int(np.count_nonzero(column.scored)) for column in unit.score_columns}
    unparsed = any(
        metric.n_flagged.get("unparsed", 0) > HIGH_UNPARSED * scored.get(metric.signature, 0) for metric in metrics
    )
    return [
        *(["low_coverage"] if any(metric.coverage < LOW_COVERAGE for metric in metrics) else []),
        *(["few_rows"] if any(metric.n < FEW_ROWS for metric in metrics) else []),
        *(["unparsed_high"] if unparsed else []),
    ]


def _of_groups(unit: UnitResults) -> list[str]:
    if not bool((unit.group >= 0).any()):
        return []
    alone = int(np.count_nonzero(unit.group < 0))
    named = len(np.unique(unit.group[unit.group >= 0]))
    return ["few_groups"] if named + alone < min(FEW_GROUPS, unit.rows) else []
