"""Scores answers that were recorded without (some of) their scores: after a kill between the two, or with new scorers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steelyard.domain.answer import AnswerRecord
    from steelyard.domain.evaluation import Evaluation
    from steelyard.domain.row import Row
    from steelyard.ports.journal import Recorded
    from steelyard.ports.rows import RowStore
    from steelyard.services.evaluations.drive import UnitDrive
    from steelyard.services.evaluations.platform import Platform

BATCH = 2_000
BLOCK = 1_000
"""Rows that are read together; the row store's index has one entry for as many."""


async def score_missing(platform: Platform, evaluation: Evaluation, drive: UnitDrive, known: Recorded) -> None:
    """Records every score that is missing for answers recorded before this run; asks nothing of any endpoint.

    Does not score twice what has all its scores. Memory is bounded by one batch of answers and the row blocks it needs.
    """
    signatures = [scorer.signature for _, scorer in drive.scorers]
    empty = bytes(len(known.answered))
    marks = [known.scored.get(s, empty) for s in signatures]
    # `known.answered` is what was recorded before this run; what this run answers is scored on the way.
    if all(bytes(m) == bytes(known.answered) for m in marks):
        return
    repeats = evaluation.spec.repeats
    for batch in _batches(platform.results.answers(evaluation.id, drive.unit.index)):
        wanted = [r for r in batch if r.epoch < drive.journal.epoch and r.text is not None]
        todo: list[tuple[AnswerRecord, list[int]]] = []
        for record in wanted:
            at = record.position * repeats + record.repeat
            missing = [i for i, mark in enumerate(marks) if mark[at] <= record.turn]
            if missing:
                todo.append((record, missing))
        rows = read_rows(platform.rows, drive.unit.dataset.version_id, [r.position for r, _ in todo])
        for record, missing in todo:
            drive.score(rows[record.position], record, missing)
        await asyncio.sleep(0)


def read_rows(store: RowStore, version_id: str, positions: Sequence[int]) -> dict[int, Row]:
    """Returns the rows at these positions, reading only the blocks that hold one of them."""
    wanted = set(positions)
    rows: dict[int, Row] = {}
    for block in sorted({p // BLOCK for p in wanted}):
        for row in store.read(version_id, block * BLOCK, (block + 1) * BLOCK):
            if row.position in wanted:
                rows[row.position] = row
    return rows


def _batches(records: Iterator[AnswerRecord]) -> Iterator[list[AnswerRecord]]:
    batch: list[AnswerRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
