"""Results of evaluations in folders: journal parts that are being written, shards of what is closed, one reader over both.

<root>/<evaluation id>/lock
                       journal/000001.jsonl ...
                       shards/answers-000001-000001.parquet, scores-...
"""

from __future__ import annotations

import fcntl
import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from steelyard.adapters.store.arrow import release_memory
from steelyard.adapters.store.gather import ANSWER_COLUMNS, SCORE_COLUMNS, AnswerNumbers, UnitScores
from steelyard.adapters.store.journal import (
    READ_BYTES,
    EvaluationLock,
    JournalWriter,
    read_part,
    repair_part,
    sync_folder,
)
from steelyard.adapters.store.shards import (
    compact,
    scores_beside,
    shard_answers,
    shard_columns,
    shard_range,
    shard_scores,
)
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.errors import StorageError
from steelyard.domain.score import ScoreRecord
from steelyard.ports.journal import AnswerSummary, Recorded, ScoreArrays, UnitShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


COMPACT_RECORDS = 2_000
"""Fewer records than this stay in the journal: a shard of their own would be larger and slower than the lines."""


class FileResults:
    """Implements ports.journal.Results over one folder.

    Args:
        root: holds one folder an evaluation; created when needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compact")

    def open_journal(self, evaluation_id: str, signatures: Sequence[str]) -> JournalWriter:
        """See ports.journal.Results."""
        folder = self._root / evaluation_id
        lock = EvaluationLock(folder)
        try:
            journal, shards = folder / "journal", folder / "shards"
            journal.mkdir(exist_ok=True)
            shards.mkdir(exist_ok=True)
            covered = [r for p in shards.iterdir() if (r := shard_range(p))]
            for leftover in (*shards.glob(".*.tmp"), *folder.glob(".report-*.tmp"), *_orphans(shards)):
                leftover.unlink(missing_ok=True)
            parts = sorted(journal.glob("*.jsonl"))
            for part in parts:
                if any(first <= int(part.stem) <= last for first, last in covered):
                    part.unlink()
                else:
                    repair_part(part)
            following = max([0, *(last for _, last in covered), *(int(p.stem) for p in parts)]) + 1
            futures: list[Future[Path]] = []
            return JournalWriter(
                journal,
                lock,
                following,
                signatures,
                on_part_closed=lambda part: futures.append(self._pool.submit(compact, [part], shards)),
                on_close=lambda: self._compact_rest(journal, shards, futures),
            )
        except OSError as error:
            lock.release()
            raise StorageError(
                f"the journal cannot be opened: {error.strerror or error}",
                where=str(folder),
                hint="check the data folder's rights and space",
                code="journal_write",
            ) from error
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def _compact_rest(journal: Path, shards: Path, futures: list[Future[Path]]) -> None:
        wait(futures)
        parts = sorted(journal.glob("*.jsonl"))
        if sum(_lines(part) for part in parts) < COMPACT_RECORDS:
            return
        # A shard covers consecutive parts only: one that reached over another shard would hide it.
        runs: list[list[Path]] = []
        for part in parts:
            if runs and int(part.stem) == int(runs[-1][-1].stem) + 1:
                runs[-1].append(part)
            else:
                runs.append([part])
        for run in runs:
            # Parts that cannot be compacted (a full disk) stay as they are, and are read as they are.
            with suppress(OSError):
                compact(run, shards)

    def is_locked(self, evaluation_id: str) -> bool:
        """See ports.journal.Results."""
        try:
            fd = os.open(self._root / evaluation_id / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False

    def recorded(self, evaluation_id: str, shapes: Sequence[UnitShape], retry_failed: bool = False) -> list[Recorded]:
        """See ports.journal.Results."""
        units = [Recorded(bytearray(shape.rows * shape.repeats), {}) for shape in shapes]
        failed: list[set[int]] = [set() for _ in shapes]
        for batch in self._answer_rows(evaluation_id, None):
            for unit, position, repeat, turn, failure, prompt_tokens, completion_tokens in batch:
                at = position * shapes[unit].repeats + repeat
                if failure and retry_failed:
                    _forget(units[unit], at, turn)
                elif _mark_answered(units[unit], failed[unit], at, turn, bool(failure)) and not failure:
                    units[unit].prompt_tokens += prompt_tokens or 0
                    units[unit].completion_tokens += completion_tokens or 0
        for source in self._sources(evaluation_id):
            self._mark_scored(source, units, shapes)
        return units

    @staticmethod
    def _mark_scored(source: Path | BinaryIO, units: list[Recorded], shapes: Sequence[UnitShape]) -> None:
        def mark(unit: int, signature: str, position: int, repeat: int, turn: int) -> None:
            scored = units[unit].scored
            marks = scored.get(signature)
            if marks is None:
                marks = scored[signature] = bytearray(len(units[unit].answered))
            at = position * shapes[unit].repeats + repeat
            # Only an unbroken row of turns counts, else a score that is missing before the last would never be made.
            if turn == marks[at]:
                marks[at] = turn + 1

        def each(batch: Any) -> None:
            columns = [batch.column(i).to_pylist() for i in range(5)]
            for unit, position, repeat, turn, signature in zip(*columns, strict=True):
                mark(unit, signature, position, repeat, turn)

        if isinstance(source, Path):
            shard_columns(scores_beside(source), SCORE_COLUMNS[:5], None, each)
        else:
            for record in read_part(source, answers=False):
                if not isinstance(record, AnswerRecord):
                    signatures, line = record
                    for item in line.items:
                        mark(line.unit, signatures[item[0]], line.position, line.repeat, line.turn)

    def answers(
        self, evaluation_id: str, unit: int | None = None, positions: tuple[int, int] | None = None
    ) -> Iterator[AnswerRecord]:
        """See ports.journal.Results."""
        for source in self._sources(evaluation_id):
            if isinstance(source, Path):
                yield from shard_answers(source, unit, positions)
                continue
            for record in read_part(source, scores=False):
                if isinstance(record, AnswerRecord) and _wanted(record.unit, record.position, unit, positions):
                    yield record

    def scores(
        self, evaluation_id: str, unit: int | None = None, positions: tuple[int, int] | None = None
    ) -> Iterator[tuple[str, ScoreRecord]]:
        """See ports.journal.Results."""
        for source in self._sources(evaluation_id):
            if isinstance(source, Path):
                yield from shard_scores(source, unit, positions)
                continue
            for record in read_part(source, answers=False):
                if isinstance(record, AnswerRecord):
                    continue
                signatures, line = record
                if _wanted(line.unit, line.position, unit, positions):
                    for scorer, value, reason, flag, stats in line.items:
                        yield (
                            signatures[scorer],
                            ScoreRecord(
                                line.unit,
                                line.row_id,
                                line.position,
                                line.repeat,
                                line.turn,
                                scorer,
                                value,
                                reason,
                                flag,
                                stats,
                                line.epoch,
                            ),
                        )

    def summary(self, evaluation_id: str, unit: int, shape: UnitShape) -> AnswerSummary:
        """See ports.journal.Results."""
        numbers = AnswerNumbers(shape)
        for source in self._sources(evaluation_id):
            if isinstance(source, Path):
                shard_columns(source, ANSWER_COLUMNS, unit, numbers.add_batch)
                continue
            for record in read_part(source, scores=False):
                if isinstance(record, AnswerRecord) and record.unit == unit:
                    numbers.add(record)
        found = numbers.summary()
        del numbers
        release_memory()
        return found

    def score_arrays(
        self, evaluation_id: str, unit: int, shape: UnitShape, signatures: Sequence[str]
    ) -> list[ScoreArrays]:
        """See ports.journal.Results."""
        numbers = UnitScores(shape, signatures)
        for source in self._sources(evaluation_id):
            if isinstance(source, Path):
                shard_columns(scores_beside(source), SCORE_COLUMNS, unit, numbers.add_batch)
                continue
            for record in read_part(source, answers=False):
                if not isinstance(record, AnswerRecord) and record[1].unit == unit:
                    numbers.add(*record)
        found = numbers.arrays()
        del numbers
        release_memory()
        return found

    def write_report(self, evaluation_id: str, report: bytes) -> None:
        """See ports.journal.Results."""
        folder = self._root / evaluation_id
        tmp = folder / f".report-{os.getpid()}.tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tmp.open("wb") as file:
                file.write(report)
                file.flush()
                os.fsync(file.fileno())
            tmp.rename(folder / "report.json")
            sync_folder(folder)
        except OSError as error:
            with suppress(OSError):
                tmp.unlink(missing_ok=True)
            raise StorageError(
                f"the report cannot be written: {error.strerror or error}",
                where=str(folder),
                hint="make room or mend the disk, then run the same plan again: nothing recorded is lost",
                code="report_write",
            ) from error

    def read_report(self, evaluation_id: str) -> bytes | None:
        """See ports.journal.Results."""
        try:
            return (self._root / evaluation_id / "report.json").read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, evaluation_id: str) -> None:
        """See ports.journal.Results."""
        folder = self._root / evaluation_id
        if not folder.exists():
            return
        lock = EvaluationLock(folder)
        try:
            shutil.rmtree(folder)
        finally:
            lock.release()

    def close(self) -> None:
        """Waits for compaction that is under way."""
        self._pool.shutdown()

    def _answer_rows(self, evaluation_id: str, unit: int | None) -> Iterator[list[tuple[Any, ...]]]:
        for source in self._sources(evaluation_id):
            if isinstance(source, Path):
                batches: list[list[tuple[Any, ...]]] = []
                names = ("unit", "position", "repeat", "turn", "failure", "prompt_tokens", "completion_tokens")
                shard_columns(
                    source,
                    names,
                    unit,
                    lambda b, out=batches: out.append(
                        list(zip(*(b.column(i).to_pylist() for i in range(7)), strict=True))
                    ),
                )
                yield from batches
            else:
                yield [
                    (r.unit, r.position, r.repeat, r.turn, r.failure, r.prompt_tokens, r.completion_tokens)
                    for r in read_part(source, scores=False) if isinstance(r, AnswerRecord)
                ]  # fmt: skip

    def _sources(self, evaluation_id: str) -> Iterator[Path | BinaryIO]:
        """Yields shards (paths) and parts (open files) in the order of recording.

        A part that is compacted meanwhile is read from its shard.
        """
        folder = self._root / evaluation_id
        done = 0
        while True:
            # Parts before shards: what is compacted between the two looks then shows up as a shard.
            parts = sorted(p for p in (folder / "journal").glob("*.jsonl") if int(p.stem) > done)
            shards = sorted(
                (r, p) for p in (folder / "shards").glob("answers-*") if (r := shard_range(p)) and r[1] > done
            )
            if shards and (not parts or shards[0][0][0] <= int(parts[0].stem)):
                done = shards[0][0][1]
                yield shards[0][1]
            elif parts:
                try:
                    part = parts[0].open("rb", buffering=READ_BYTES)
                except FileNotFoundError:
                    # Compacted since the first look: the next one finds its shard.
                    continue
                done = int(parts[0].stem)
                yield part
            else:
                return


def _mark_answered(recorded: Recorded, failed: set[int], at: int, turn: int, is_failure: bool) -> bool:
    """Counts one record; returns whether it is the first of its key that counts."""
    done, key = recorded.answered[at], at * 256 + turn
    if turn > done:
        # A turn before it cannot be read (a damaged line): the dialogue is asked again from there.
        return False
    again = turn < done
    if again and (key in failed) == is_failure:
        return False
    if again and is_failure:
        recorded.n_answered -= 1
    elif again:
        recorded.n_failed -= 1
    recorded.answered[at] = max(done, turn + 1)
    if is_failure:
        failed.add(key)
        recorded.n_failed += 1
    else:
        failed.discard(key)
        recorded.n_answered += 1
    return True


def _forget(recorded: Recorded, at: int, turn: int) -> None:
    """Counts a failure, and the turns after it, as not recorded."""
    if turn < recorded.answered[at]:
        recorded.n_answered -= recorded.answered[at] - turn
        recorded.answered[at] = turn


def _orphans(shards: Path) -> list[Path]:
    """Returns scores files whose answers file was never put in place."""
    return [p for p in shards.glob("scores-*") if not p.with_name("answers" + p.name.removeprefix("scores")).exists()]


def _wanted(record_unit: int, position: int, unit: int | None, positions: tuple[int, int] | None) -> bool:
    return (unit is None or record_unit == unit) and (positions is None or positions[0] <= position < positions[1])


def _lines(part: Path) -> int:
    with part.open("rb") as file:
        return sum(1 for line in file if line[9:10] == b"A" or line[9:10] == b"S")
