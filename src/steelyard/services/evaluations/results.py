"""From recorded results to the report: gathers a few numbers a row, leaves the texts where they are."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.domain.report import FailureMessage, Report
from steelyard.flow.metrics.results import ScoreColumn, UnitResults, row_keys
from steelyard.flow.reports.build import build_report
from steelyard.flow.scores.registry import build_scorer
from steelyard.ports.journal import UnitShape
from steelyard.services.evaluations.drive import Sample, sampled
from steelyard.services.evaluations.rescore import BLOCK, read_rows

if TYPE_CHECKING:
    from steelyard.domain.evaluation import Evaluation, UnitSpec
    from steelyard.domain.row import Row
    from steelyard.services.evaluations.platform import Platform

EXAMPLES = 5
EXAMPLE_CHARACTERS = 400


def current_report(platform: Platform, evaluation: Evaluation) -> Report:
    """Returns the report of an ended evaluation, or what can be said so far of one that runs."""
    kept = platform.results.read_report(evaluation.id)
    if kept is not None and evaluation.finished_at:
        report = msgspec.json.decode(kept, type=Report)
        if report.finished_at == evaluation.finished_at:
            return report
    return make_report(platform, evaluation)


def write_report(platform: Platform, evaluation: Evaluation) -> Report:
    """Builds the report from what is recorded, keeps it, and returns it."""
    report = make_report(platform, evaluation)
    platform.results.write_report(evaluation.id, msgspec.json.encode(report))
    return report


def make_report(platform: Platform, evaluation: Evaluation) -> Report:
    """Returns the report of what is recorded just now; keeps nothing."""
    found = [_unit(platform, evaluation, unit) for unit in evaluation.units]
    return build_report(
        evaluation,
        [results for results, _ in found],
        now=evaluation.finished_at or platform.now(),
        failure_messages=[messages for _, messages in found],
    )


def unit_results(platform: Platform, evaluation: Evaluation) -> list[UnitResults]:
    """Returns the numbers of every unit, in the order of the evaluation's units."""
    return [_unit(platform, evaluation, unit)[0] for unit in evaluation.units]


def _unit(
    platform: Platform, evaluation: Evaluation, unit: UnitSpec
) -> tuple[UnitResults, dict[str, list[FailureMessage]]]:
    import numpy as np

    spec = evaluation.spec
    shape = UnitShape(unit.dataset.row_count, spec.repeats)
    summary = platform.results.summary(evaluation.id, unit.index, shape)
    scorers = {scorer.signature: scorer for scorer in map(build_scorer, unit.scorers)}
    sample = Sample(unit.dataset.row_count, spec.limit, spec.seed)

    arrays = platform.results.score_arrays(evaluation.id, unit.index, shape, list(scorers))
    columns = [
        ScoreColumn(
            scorer.metric,
            signature,
            scorer.kind,
            a.position,
            a.repeat,
            a.turn,
            a.value,
            a.scored,
            a.flags,
            a.unscored,
            a.parts,
            scorer.pool,
        )
        for (signature, scorer), a in zip(scorers.items(), arrays, strict=True)
    ]
    whole = sample.size == sample.row_count
    place = np.zeros(0 if whole else unit.dataset.row_count, np.int64)
    rows = _RowNumbers()
    for row in sampled(platform.rows.read(unit.dataset.version_id), sample):
        if not whole:
            place[row.position] = len(rows.group)
        rows.add(row)
    rows.settle()
    examples = _examples(platform, evaluation, unit, columns)
    for column in columns:
        # A sampled unit's rows are numbered by their order in the sample: rows that were never asked are no gaps.
        if not whole:
            column.position = place[column.position]
        if summary.failed:
            column.unscored = {**column.unscored, "no_answer": summary.failed}
    endpoint = unit.object.endpoint
    notes: list[str] = []
    if endpoint is not None and endpoint.builtin in {"majority", "retrieval", "echo"}:
        notes.append("floor_baseline")
        if endpoint.builtin != "echo":
            notes.append("uses_references")
    if sample.size < sample.row_count:
        notes.append("sampled")
    if rows.dialogues:
        notes.append("dialogues_averaged")
        if unit.object.history == "references":
            notes.append("history_references")
    counts = evaluation.counts[unit.index]
    results = UnitResults(
        label=unit.label, dataset=unit.dataset.name, dataset_version_id=unit.dataset.version_id, rows=len(rows.group),
        expected=counts.total, answered=summary.answered, failed=summary.failed,
        row_key=np.frombuffer(rows.keys, np.uint64), group=np.frombuffer(rows.group, np.int64),
        category=(np.frombuffer(rows.category, np.int32), list(rows.categories)) if rows.categories else [], score_columns=columns, failures=summary.failures,
        latency_ms=np.asarray(summary.latency_ms, np.float32) if endpoint is not None else np.zeros(0, np.float32),
        prompt_tokens=summary.prompt_tokens, completion_tokens=summary.completion_tokens, reasoning_tokens=summary.reasoning_tokens,
        cached_tokens=summary.cached_tokens, answers_without_usage=summary.answers_without_usage if endpoint is not None else 0,
        retried=summary.retried, price_input_per_1m=endpoint.price_input_per_1m if endpoint else "",
        price_output_per_1m=endpoint.price_output_per_1m if endpoint else "", currency=endpoint.currency if endpoint else "",
        notes=notes, examples=examples,
    )  # fmt: skip
    return results, summary.messages


class _RowNumbers:
    """What the report needs of the rows: a key, a group and a category each, 20 bytes a row."""

    def __init__(self) -> None:
        self.keys, self.group, self.category = array("Q"), array("q"), array("i")
        self.groups: dict[str, int] = {}
        self.categories: dict[str, int] = {}
        self.dialogues = False
        self._ids: list[str] = []

    def add(self, row: Row) -> None:
        """Takes the next row."""
        self._ids.append(row.id)
        self.dialogues = self.dialogues or len(row.turns) > 1
        group, category = row.group_id, row.category
        self.group.append(-1 if group is None else self.groups.setdefault(group, len(self.groups)))
        self.category.append(-1 if category is None else self.categories.setdefault(category, len(self.categories)))
        if len(self._ids) == BLOCK:
            self.settle()

    def settle(self) -> None:
        """Turns the ids that were kept so far into keys."""
        self.keys.frombytes(row_keys(self._ids).tobytes())
        self._ids.clear()


def _examples(
    platform: Platform, evaluation: Evaluation, unit: UnitSpec, columns: list[ScoreColumn]
) -> list[dict[str, Any]]:
    """Returns the lowest-scored rows of the first metric, with their texts cut short."""
    import numpy as np

    if not columns or not columns[0].scored.any():
        return []
    column = columns[0]
    scored = np.flatnonzero(column.scored)
    lowest = scored[np.lexsort((column.position[scored], column.value[scored]))][:EXAMPLES]
    wanted = {(int(column.position[i]), int(column.repeat[i]), int(column.turn[i])): i for i in lowest}
    rows = read_rows(platform.rows, unit.dataset.version_id, [key[0] for key in wanted])
    found: dict[tuple[int, int, int], dict[str, Any]] = {}
    # One look for all wanted rows of a block: where results are still lines, each look reads them all.
    for block in sorted({position // BLOCK for position in rows}):
        within = [position for position in rows if position // BLOCK == block]
        for record in platform.results.answers(evaluation.id, unit.index, (min(within), max(within) + 1)):
            key = (record.position, record.repeat, record.turn)
            if key in wanted and record.text is not None:
                references = rows[record.position].turns[record.turn].references
                found[key] = {
                    "row_id": record.row_id, "turn": record.turn, "prompt": record.prompt[:EXAMPLE_CHARACTERS], "answer": record.text[:EXAMPLE_CHARACTERS],
                    "reference": (references[0] if references else "")[:EXAMPLE_CHARACTERS],
                    "scores": {column.metric: float(column.value[wanted[key]])},
                }  # fmt: skip
    return [found[key] for key in wanted if key in found]
