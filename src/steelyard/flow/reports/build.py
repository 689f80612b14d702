"""The report of one evaluation, from its results alone."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from steelyard.domain.report import REPORT_VERSION, Counts, Latency, Report, TokenUse, UnitReport
from steelyard.flow.metrics.differences import ScoredUnit, adjusted, paired_differences
from steelyard.flow.metrics.rowmeans import RowMeans, row_means
from steelyard.flow.metrics.summaries import summarise, summarise_pooled
from steelyard.flow.reports.abilities import ability_scores
from steelyard.flow.reports.notes import unit_notes
from steelyard.flow.reports.slices import category_slices
from steelyard.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from steelyard.domain.evaluation import Evaluation, UnitSpec
    from steelyard.domain.metric import Metric, PairedDifference
    from steelyard.domain.report import FailureMessage
    from steelyard.flow.metrics.results import ScoreColumn, UnitResults


def build_report(
    evaluation: Evaluation,
    units: Sequence[UnitResults],
    *,
    now: str,
    failure_messages: Sequence[dict[str, list[FailureMessage]]] = (),
) -> Report:
    """Returns metrics, slices and comparisons of all units, and the abilities they add up to.

    The same results give the same report, whatever the order in which they came.

    Args:
        evaluation: gives names, plan, seed and state.
        units: in the order of the evaluation's units.
        now: UTC, RFC 3339; used when the evaluation has no finishing time yet.
        failure_messages: per unit, in the same order, the commonest messages of each reason; empty: unknown.

    Raises:
        ValueError: a score points outside its unit's rows, or is not finite.
    """
    seed = _seed(evaluation)
    planned = {(unit.label, unit.dataset.version_id): unit for unit in evaluation.units}
    scored = [scored_unit(unit, unit.label) for unit in units]
    reports = [
        msgspec.structs.replace(
            _unit_report(one, evaluation, planned.get((one.label, one.unit.dataset_version_id)), seed),
            failure_messages=messages,
        )
        for one, messages in zip(scored, failure_messages or [{}] * len(scored), strict=True)
    ]
    return Report(
        version=REPORT_VERSION,
        evaluation_id=evaluation.id,
        name=evaluation.name,
        state=evaluation.state.value,
        created_at=evaluation.created_at,
        finished_at=evaluation.finished_at or now,
        seed=evaluation.spec.seed,
        rows_dropped=evaluation.spec.rows_dropped,
        units=reports,
        comparisons=_comparisons(evaluation, scored, planned, seed),
        steelyard=__version__,
        plan_hash=evaluation.plan_hash,
        abilities=ability_scores(reports, planned),
        error=evaluation.error,
        stop_reason=evaluation.stop_reason,
        repeats=evaluation.spec.repeats,
    )


def scored_unit(unit: UnitResults, label: str) -> ScoredUnit:
    """Returns the unit with its scores averaged by row, under the given label."""
    return ScoredUnit(unit, label, [row_means(column, unit.rows) for column in unit.score_columns])


def _seed(evaluation: Evaluation) -> str:
    return f"{evaluation.plan_hash}:{evaluation.spec.seed}"


def _unit_report(scored: ScoredUnit, evaluation: Evaluation, planned: UnitSpec | None, seed: str) -> UnitReport:
    unit = scored.unit
    metrics = _metrics(unit, scored.means, seed)
    slices, folded = category_slices(unit, scored.means, seed)
    notes = unit_notes(unit, metrics, evaluation.spec, planned)
    return UnitReport(
        label=unit.label,
        dataset=unit.dataset,
        dataset_version_id=unit.dataset_version_id,
        rows=unit.rows,
        counts=Counts(total=unit.expected, answered=unit.answered, failed=unit.failed, scored=_scored_by_any(unit)),
        metrics=metrics,
        slices=slices,
        failures=dict(sorted(unit.failures.items())),
        tokens=TokenUse(
            unit.prompt_tokens,
            unit.completion_tokens,
            unit.reasoning_tokens,
            unit.cached_tokens,
            unit.answers_without_usage,
        ),
        latency=_latency(unit.latency_ms),
        retried=unit.retried,
        cost=_cost(unit),
        currency=unit.currency,
        notes=[*notes, "categories_folded"] if folded else notes,
        examples=unit.examples,
    )


def _metrics(unit: UnitResults, means: Sequence[RowMeans], seed: str) -> list[Metric]:
    found: list[Metric] = []
    for column, mean in zip(unit.score_columns, means, strict=True):
        found.append(summarise(column, mean, unit.group, None, seed))
        pooled = summarise_pooled(column, mean, unit.group, seed)
        if pooled is not None:
            found.append(pooled)
    return found


def _scored_by_any(unit: UnitResults) -> int:
    """Counts the answers that at least one scorer gave a score."""
    columns = unit.score_columns
    if not columns:
        return 0
    repeats = 1 + max((int(column.repeat.max(initial=0)) for column in columns), default=0)
    turns = 1 + max((int(column.turn.max(initial=0)) for column in columns), default=0)

    def seen(column: ScoreColumn) -> NDArray[np.bool_]:
        kept = column.scored
        mask = np.zeros(unit.rows * repeats * turns, dtype=np.bool_)
        mask[(column.position[kept] * repeats + column.repeat[kept]) * turns + column.turn[kept]] = True
        return mask

    return int(np.logical_or.reduce([seen(column) for column in columns]).sum())


def _latency(milliseconds: NDArray[np.float32]) -> Latency:
    if not len(milliseconds):
        return Latency(None, None, None, None)
    # Sorted first, so that the sum does not depend on the order of arrival.
    ordered = np.sort(milliseconds)
    p50, p90, p99 = (_quantile(ordered, share) for share in (0.5, 0.9, 0.99))
    return Latency(p50, p90, p99, float(ordered.mean(dtype=np.float64)))


def _quantile(ordered: NDArray[np.float32], share: float) -> float:
    """Returns what numpy.quantile does (linear between neighbours), of values that are sorted already."""
    place = (len(ordered) - 1) * share
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * (place - below)


def _cost(unit: UnitResults) -> str | None:
    """Returns exact money, or None when a price is unknown or no number."""
    try:
        price_in, price_out = Decimal(unit.price_input_per_1m), Decimal(unit.price_output_per_1m)
    except InvalidOperation:
        return None
    cost = (price_in * unit.prompt_tokens + price_out * unit.completion_tokens) / Decimal(1_000_000)
    return format(cost.normalize(), "f") if cost.is_finite() else None


def _comparisons(
    evaluation: Evaluation, scored: Sequence[ScoredUnit], planned: dict[tuple[str, str], UnitSpec], seed: str
) -> list[PairedDifference]:
    """Compares every pair of objects on the same data set; result sets are one another's pairs by row id."""
    families: dict[str, list[ScoredUnit]] = {}
    baselines = {unit.label for unit in evaluation.spec.objects if unit.baseline}
    for one in scored:
        plan = planned.get((one.label, one.unit.dataset_version_id))
        is_result_set = plan is not None and bool(plan.object.result_set)
        families.setdefault("" if is_result_set else one.unit.dataset_version_id, []).append(one)
    found: list[PairedDifference] = []
    for members in families.values():
        names = {one.unit.dataset for one in members}
        dataset = names.pop() if len(names) == 1 else ""
        for first, second in combinations(members, 2):
            a, b = (second, first) if first.label in baselines else (first, second)
            found += paired_differences(a, b, seed, dataset)
    return adjusted(found)
