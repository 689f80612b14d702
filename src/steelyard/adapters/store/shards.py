"""Parquet shards: closed journal parts, compacted in small batches so that no list of rows lives in memory.

A shard covers the parts `first` to `last`: `answers-FFFFFF-LLLLLL.parquet` and `scores-FFFFFF-LLLLLL.parquet`. The
answers file is renamed into place last: a shard exists when it does, and only then are the parts removed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from steelyard.adapters.store.arrow import load_arrow, release_memory
from steelyard.adapters.store.journal import read_part, sync_folder
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.errors import StorageError
from steelyard.domain.score import ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


BATCH_RECORDS = 2_000
FEW_RUNS = 16
"""So many slices are cheaper than a filter: the first filter loads pyarrow.compute, 9 MB and 0.03 CPU seconds."""

_NAME = re.compile(r"answers-(\d{6})-(\d{6})\.parquet")


def shard_range(path: Path) -> tuple[int, int] | None:
    """Returns the parts that an answers shard covers, or None for any other file."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else None


def scores_beside(answers: Path) -> Path:
    """Returns the scores file of an answers shard."""
    return answers.with_name("scores" + answers.name.removeprefix("answers"))


def _answer_schema() -> Any:
    pa = load_arrow()
    names = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([
        ("unit", pa.int32()), ("row_id", pa.string()), ("position", pa.int64()), ("repeat", pa.int32()), ("turn", pa.int32()),
        ("key", pa.string()), ("prompt", pa.string()), ("text", pa.string()), ("reasoning", pa.string()), ("failure", names),
        ("message", pa.string()), ("status", pa.int32()), ("finish_reason", names), ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()), ("reasoning_tokens", pa.int64()), ("cached_tokens", pa.int64()),
        ("latency_ms", pa.float32()), ("attempts", pa.int32()), ("epoch", pa.int32()),
    ])  # fmt: skip


def _score_schema() -> Any:
    pa = load_arrow()
    names = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([
        ("unit", pa.int32()), ("row_id", pa.string()), ("position", pa.int64()), ("repeat", pa.int32()), ("turn", pa.int32()),
        ("signature", names), ("value", pa.float64()), ("reason", pa.string()), ("flag", names),
        ("parts", pa.list_(pa.float64())), ("epoch", pa.int32()),
    ])  # fmt: skip


class _ShardWriter:
    """Gathers records of one table, a tuple each in the order of the schema, and writes them as row groups."""

    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        pa = load_arrow()
        self.schema = schema
        self._rows: list[tuple[Any, ...]] = []
        # Texts rarely repeat: trying to find that out, and keeping their least and greatest, doubles the file.
        options: dict[str, Any] = {
            "use_dictionary": [field.name for field in schema if pa.types.is_dictionary(field.type)],
            "write_statistics": ["unit", "position"],
        }
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", **options)

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        pa = load_arrow()
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
            self._writer.write_batch(pa.record_batch(arrays, schema=self.schema))
            self._rows.clear()

    def close(self) -> None:
        self.flush()
        self._writer.close()


def compact(parts: Sequence[Path], folder: Path) -> Path:
    """Writes the shard of consecutive closed parts and removes them; survives a kill at any moment.

    Returns:
        The answers file. Memory is bounded by a few batches of 2,000 records.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{int(parts[0].stem):06d}-{int(parts[-1].stem):06d}.parquet"
    answers_path, scores_path = folder / f"answers-{name}", folder / f"scores-{name}"
    answers_tmp, scores_tmp = folder / f".answers-{name}.tmp", folder / f".scores-{name}.tmp"
    answers, scores = _ShardWriter(answers_tmp, _answer_schema()), _ShardWriter(scores_tmp, _score_schema())
    for part in parts:
        for record in read_part(part):
            if isinstance(record, AnswerRecord):
                answers.add(astuple(record))
            else:
                signatures, line = record
                for scorer, value, reason, flag, stats in line.items:
                    scores.add(
                        (
                            line.unit,
                            line.row_id,
                            line.position,
                            line.repeat,
                            line.turn,
                            signatures[scorer],
                            value,
                            reason,
                            flag,
                            stats,
                            line.epoch,
                        )
                    )
    for writer, tmp, path in ((scores, scores_tmp, scores_path), (answers, answers_tmp, answers_path)):
        writer.close()
        fd = os.open(tmp, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        tmp.rename(path)
        sync_folder(folder)
    for part in parts:
        part.unlink(missing_ok=True)
    release_memory()
    return answers_path


def _batches(
    path: Path, columns: list[str] | None, unit: int | None, positions: tuple[int, int] | None
) -> Iterator[Any]:
    import pyarrow.parquet as pq

    pa = load_arrow()
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                if not _may_hold(group, unit, positions):
                    continue
                table = file.read_row_group(number, columns=columns, use_threads=False)
                only = unit is None or _holds_only(group, unit)
                if only and positions is None:
                    yield from table.to_batches()
                else:
                    yield from _narrowed(table, None if only else unit, positions)
    except FileNotFoundError:
        # Scores that somebody removed are missing scores, and made again; answers are only looked for where they are.
        if not path.name.startswith("scores"):
            raise
    except (pa.ArrowException, OSError) as error:
        raise StorageError(
            f"results cannot be read: {str(error).splitlines()[0][:200]}",
            where=str(path),
            hint="restore the file from a backup, or delete it: what it held is then asked or scored again",
            code="damaged_results",
        ) from error


def _narrowed(table: Any, unit: int | None, positions: tuple[int, int] | None) -> Iterator[Any]:
    """Yields what the table holds of the unit and the positions."""
    import numpy as np

    mask = np.ones(len(table), bool)
    if unit is not None:
        mask &= table["unit"].to_numpy() == unit
    if positions is not None:
        at = table["position"].to_numpy()
        mask &= (at >= positions[0]) & (at < positions[1])
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)
    if len(edges) > FEW_RUNS:
        yield from table.filter(load_arrow().array(mask)).to_batches()
        return
    for start, stop in edges.tolist():
        yield from table.slice(start, stop - start).to_batches()


def _holds_only(group: Any, unit: int) -> bool:
    stats = group.column(0).statistics
    return stats is not None and stats.has_min_max and stats.min == stats.max == unit


def _may_hold(group: Any, unit: int | None, positions: tuple[int, int] | None) -> bool:
    for index, low, high in ((0, unit, unit), (2, *(positions or (None, None)))):
        stats = group.column(index).statistics
        if low is None or high is None or stats is None or not stats.has_min_max:
            continue
        if stats.max < low or stats.min > high:
            return False
    return True


def shard_answers(path: Path, unit: int | None, positions: tuple[int, int] | None) -> Iterator[AnswerRecord]:
    """Yields a shard's answers in the order of recording."""
    for batch in _batches(path, None, unit, positions):
        for row in batch.to_pylist():
            yield AnswerRecord(**row)


def shard_scores(path: Path, unit: int | None, positions: tuple[int, int] | None) -> Iterator[tuple[str, ScoreRecord]]:
    """Yields (signature, record) of a shard in the order of recording."""
    for batch in _batches(scores_beside(path), None, unit, positions):
        for row in batch.to_pylist():
            signature = row.pop("signature")
            row["parts"] = tuple(row["parts"])
            yield signature, ScoreRecord(**row)


def shard_columns(path: Path, columns: Iterable[str], unit: int | None, each: Callable[[Any], None]) -> None:
    """Hands narrow batches of a shard file to `each`; `unit` must be among the columns when it narrows."""
    for batch in _batches(path, list(columns), unit, None):
        each(batch)
