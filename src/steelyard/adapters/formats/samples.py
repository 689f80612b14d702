"""Samples out: JSON lines, CSV or Parquet, streamed."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

BATCH = 2_000
_FIELDS = (
    "unit_id", "label", "row_id", "position", "repeat", "turn", "prompt", "answer", "reference", "failure", "message", "reasoning", "category",
    "finish_reason", "prompt_tokens", "completion_tokens", "latency_ms", "attempts", "scores", "columns",
)  # fmt: skip
_STRUCTURED = frozenset({"reference", "scores", "columns"})


def write_samples(samples: Iterable[Any], format_name: str, out: Path | TextIO) -> None:
    """Writes samples; lists and objects become JSON text in CSV and Parquet.

    Args:
        samples: services.evaluations.samples.Sample objects.
        format_name: jsonl, csv or parquet.
        out: a path, or an open text stream (not for Parquet).

    Raises:
        InputError: the file cannot be written.
    """
    try:
        if format_name == "parquet":
            assert isinstance(out, Path)
            _write_parquet(samples, out)
            return
        with out.open("w", encoding="utf-8", newline="") if isinstance(out, Path) else nullcontext(out) as stream:
            if format_name == "csv":
                writer = csv.writer(stream)
                writer.writerow(_FIELDS)
                writer.writerows([_csv_cell(value) for value in _flat(sample)] for sample in samples)
            else:
                encode = msgspec.json.Encoder().encode
                for sample in samples:
                    stream.write(encode(sample).decode() + "\n")
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise InputError(
            f"cannot write: {error.strerror}", where=str(out), hint="give a path that can be written"
        ) from error


def _flat(sample: Any) -> list[Any]:
    values = msgspec.structs.asdict(sample)
    return [msgspec.json.encode(values[name]).decode() if name in _STRUCTURED else values[name] for name in _FIELDS]


def _csv_cell(value: Any) -> Any:
    # A cell that starts like a formula would be run by a spreadsheet; a leading quote keeps it text.
    return "'" + value if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _write_parquet(samples: Iterable[Any], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole, text = {"position", "repeat", "turn", "prompt_tokens", "completion_tokens", "attempts"}, pa.string()
    schema = pa.schema(
        [(name, pa.int64() if name in whole else pa.float64() if name == "latency_ms" else text) for name in _FIELDS]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[list[Any]] = []
        for sample in samples:
            batch.append(_flat(sample))
            if len(batch) >= BATCH:
                writer.write_batch(_record_batch(batch, schema))
                batch = []
        if batch:
            writer.write_batch(_record_batch(batch, schema))


def _record_batch(rows: list[list[Any]], schema: Any) -> Any:
    import pyarrow as pa

    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)],
        schema=schema,
    )
