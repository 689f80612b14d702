"""Row by row: prompt, answer, reference and every score with its reason, in the order of the data set, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steelyard.domain.errors import InputError
from steelyard.flow.scores.registry import build_scorer
from steelyard.services.evaluations.rescore import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steelyard.domain.answer import AnswerRecord
    from steelyard.domain.evaluation import Evaluation, UnitSpec
    from steelyard.domain.row import Row
    from steelyard.services.evaluations.platform import Platform

WINDOW = 1_000


class SampleFilter(Struct, frozen=True):
    """Which samples are wanted; every field that is set must hold."""

    unit: str = ""
    """A unit's id or label."""
    category: str = ""
    failed: bool | None = None
    """True: only failed requests; False: only answers."""
    metric: str = ""
    below: float | None = None
    """Of `metric` (or of any metric, when none is named): only scores under this."""
    above: float | None = None
    text: str = ""
    """A part of prompt or answer, upper and lower case alike."""


class Sample(Struct):
    """One answer with all that belongs to it."""

    unit_id: str
    label: str
    row_id: str
    position: int
    repeat: int
    turn: int
    prompt: str
    answer: str | None
    reference: list[str]
    scores: list[dict[str, Any]]
    """metric, value (or null), reason, flag, signature."""
    failure: str
    message: str
    reasoning: str
    category: str | None
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float
    attempts: int
    columns: dict[str, Any]


def page_samples(
    platform: Platform,
    evaluation: Evaluation,
    *,
    limit: int = 50,
    cursor: str | None = None,
    wanted: SampleFilter | None = None,
) -> tuple[list[Sample], str | None]:
    """Returns (samples, cursor of the next page or None). Reads one window of rows at a time, never the whole evaluation.

    Raises:
        InputError: the cursor is none of ours, or the unit is unknown.
    """
    wanted = wanted or SampleFilter()
    units = _units(evaluation, wanted)
    start = _parse_cursor(cursor)
    out: list[Sample] = []
    for sample in _walk(platform, evaluation, units, start[:2], wanted):
        key = (_index(evaluation, sample), sample.position, sample.repeat, sample.turn)
        if key <= start and cursor:
            continue
        if len(out) == limit:
            last = out[-1]
            return out, ".".join(map(str, (_index(evaluation, last), last.position, last.repeat, last.turn)))
        out.append(sample)
    return out, None


def all_samples(platform: Platform, evaluation: Evaluation, wanted: SampleFilter | None = None) -> Iterator[Sample]:
    """Yields every sample that is wanted, streamed window by window."""
    wanted = wanted or SampleFilter()
    units = _units(evaluation, wanted)
    yield from _walk(platform, evaluation, units, (0, 0), wanted)


def _units(evaluation: Evaluation, wanted: SampleFilter) -> list[UnitSpec]:
    """Returns the units that the filter leaves. Raises InputError for a unit or a metric that there is none of."""
    units = [u for u in evaluation.units if wanted.unit in {"", u.id, u.label}]
    if not units:
        labels = ", ".join(u.label for u in evaluation.units)
        raise InputError(
            f"this evaluation has no unit '{wanted.unit}'", where="unit", hint=f"use a label or id of: {labels}"
        )
    metrics = sorted({build_scorer(s).metric for u in units for s in u.scorers})
    if wanted.metric and wanted.metric not in metrics:
        raise InputError(
            f"no score is called '{wanted.metric}'", where="metric", hint="use one of " + ", ".join(metrics)
        )
    return units


def _index(evaluation: Evaluation, sample: Sample) -> int:
    return next(u.index for u in evaluation.units if u.id == sample.unit_id)


def _parse_cursor(cursor: str | None) -> tuple[int, int, int, int]:
    if not cursor:
        return (0, 0, 0, 0)
    try:
        unit, position, repeat, turn = (int(part) for part in cursor.split("."))
    except ValueError as error:
        raise InputError(
            "the cursor is not one of ours", where="cursor", hint="pass next_cursor of the page before, unchanged"
        ) from error
    return unit, position, repeat, turn


def _walk(
    platform: Platform, evaluation: Evaluation, units: list[UnitSpec], start: tuple[int, int], wanted: SampleFilter
) -> Iterator[Sample]:
    for unit in units:
        if unit.index < start[0]:
            continue
        first = start[1] if unit.index == start[0] else 0
        for low in range(first, unit.dataset.row_count, WINDOW):
            yield from _window(platform, evaluation, unit, (low, min(low + WINDOW, unit.dataset.row_count)), wanted)


def _window(
    platform: Platform, evaluation: Evaluation, unit: UnitSpec, positions: tuple[int, int], wanted: SampleFilter
) -> Iterator[Sample]:
    # Of several records of one key the newest counts: it comes last and overwrites.
    answers: dict[tuple[int, int, int], AnswerRecord] = {}
    for record in platform.results.answers(evaluation.id, unit.index, positions):
        answers[(record.position, record.repeat, record.turn)] = record
    if not answers:
        return
    scores: dict[tuple[int, int, int], dict[str, dict[str, Any]]] = {}
    for signature, score in platform.results.scores(evaluation.id, unit.index, positions):
        item = {
            "metric": signature.split("|", 1)[0],
            "value": score.value,
            "reason": score.reason,
            "flag": score.flag,
            "signature": signature,
        }
        scores.setdefault((score.position, score.repeat, score.turn), {})[signature] = item
    rows = read_rows(platform.rows, unit.dataset.version_id, [key[0] for key in answers])
    for key in sorted(answers):
        sample = _sample(unit, rows[key[0]], answers[key], list(scores.get(key, {}).values()))
        if _matches(sample, wanted):
            yield sample


def _sample(unit: UnitSpec, row: Row, answer: AnswerRecord, scores: list[dict[str, Any]]) -> Sample:
    return Sample(
        unit.id, unit.label, answer.row_id, answer.position, answer.repeat, answer.turn, answer.prompt, answer.text,
        list(row.turns[answer.turn].references), scores, answer.failure, answer.message, answer.reasoning, row.category, answer.finish_reason,
        answer.prompt_tokens, answer.completion_tokens, answer.latency_ms, answer.attempts, row.columns,
    )  # fmt: skip


def _matches(sample: Sample, wanted: SampleFilter) -> bool:
    if wanted.category and sample.category != wanted.category:
        return False
    if wanted.failed is not None and (sample.answer is None) != wanted.failed:
        return False
    if wanted.text and wanted.text.lower() not in f"{sample.prompt}\n{sample.answer or ''}".lower():
        return False
    if wanted.below is None and wanted.above is None:
        return True
    values = [s["value"] for s in sample.scores if s["value"] is not None and wanted.metric in {"", s["metric"]}]
    return any(
        (wanted.below is None or v < wanted.below) and (wanted.above is None or v > wanted.above) for v in values
    )
