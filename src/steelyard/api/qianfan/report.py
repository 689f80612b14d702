"""A report in the vendor's words: the result of DescribeEvalTaskReport. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.api.qianfan.describe import STATES, eval_mode, eval_object_type, unit_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.evaluation import Evaluation
    from steelyard.domain.metric import Metric, PairedDifference
    from steelyard.domain.report import Report, UnitReport

EFFECT_METRICS = {
    "accuracy": "accuracy",
    "f1Score": "token_f1",
    "rouge_1": "rouge_1",
    "rouge_2": "rouge_2",
    "rouge_l": "rouge_l",
    "bleu4": "bleu4",
}
"""The vendor's name of each rule metric -> ours: the mean over rows, 0..1."""

_NOT_JUDGED: dict[str, Any] = {
    "avgJudgeScore": 0,
    "stdJudgeScore": 0,
    "medianJudgeScore": 0,
    "scoreDistribution": None,
    "manualAvgScore": 0,
    "goodCaseProportion": 0,
    "subjectiveImpression": "",
    "manualScoreDistribution": None,
}


def report_entries(evaluation: Evaluation, report: Report) -> list[dict[str, Any]]:
    """Returns one entry a unit, in the order of the task's objects.

    A metric that no row has a score for is null. Beside the vendor's fields stand `state`, `isBaseline`, `counts`,
    `metrics` (value, n, coverage, interval and signature of each) and, on the object that has a baseline beside it,
    `baselineDifference`.
    """
    return [_entry(evaluation, report, index, unit) for index, unit in enumerate(report.units)]


def _entry(evaluation: Evaluation, report: Report, index: int, unit: UnitReport) -> dict[str, Any]:
    values = {metric.name: metric.value for metric in unit.metrics}
    baseline = next((one.label for one in evaluation.spec.objects if one.baseline), None)
    return {
        "taskId": evaluation.id,
        "taskName": evaluation.name,
        "description": evaluation.description,
        **unit_ids(evaluation, index),
        "evalObjectType": eval_object_type(evaluation),
        "evalMode": eval_mode(evaluation),
        "effectMetric": {theirs: values.get(ours) for theirs, ours in EFFECT_METRICS.items()} | _NOT_JUDGED,
        "state": STATES[evaluation.unit_states[index]],
        "isBaseline": unit.label == baseline,
        "counts": {"rows": unit.rows, "total": unit.counts.total, "answered": unit.counts.answered}
        | {"failed": unit.counts.failed, "scored": unit.counts.scored},
        "failures": unit.failures,
        "metrics": [_metric(metric) for metric in unit.metrics],
        "baselineDifference": _differences(report.comparisons, unit.label, baseline),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": metric.value,
        "n": metric.n,
        "nUnscored": metric.n_unscored,
        "coverage": metric.coverage,
        "interval": metric.interval,
        "intervalReason": metric.interval_reason,
        "signature": metric.signature,
    }


def _differences(pairs: Sequence[PairedDifference], label: str, baseline: str | None) -> list[dict[str, Any]]:
    """Returns metric by metric how much the object is above the baseline, over the rows that both have a score for."""
    return [
        {
            "metric": pair.metric,
            "difference": pair.difference,
            "n": pair.n,
            "interval": pair.interval,
            "pValue": pair.p_value,
            "pAdjusted": pair.p_adjusted,
            "method": pair.method,
            "better": pair.wins,
            "same": pair.ties,
            "worse": pair.losses,
        }
        for pair in pairs
        if baseline is not None and pair.a == label and pair.b == baseline
    ]
