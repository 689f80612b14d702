"""The journal alone, the import of a data set, and the building of a report, each beside the bare work under it."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import Figure
from measure import STEELYARD, cost_of
from rows import write_rows
from steelyard.adapters.store.results import FileResults
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.score import ScoreRecord

ROUND = 64


def _records(count: int) -> list[tuple[AnswerRecord, list[ScoreRecord]]]:
    return [
        (
            AnswerRecord(0, f"row-{i:06d}", i, key=f"{i:032x}", prompt=f"What is {i} + 1?", text=str(i + 1), status=200, finish_reason="stop",
                         prompt_tokens=9, completion_tokens=2, latency_ms=50.0, epoch=1),
            [ScoreRecord(0, f"row-{i:06d}", i, value=1.0, reason="starts with the reference", epoch=1)],
        )
        for i in range(count)
    ]  # fmt: skip


def journal_speed(count: int) -> list[Figure]:
    """Returns records a second, written in rounds of the event loop, beside writing the same bytes and syncing once."""
    records = _records(count)
    with tempfile.TemporaryDirectory() as name:
        results = FileResults(Path(name))

        async def write() -> float:
            journal = results.open_journal("ame-bench", ["prefix"])
            started = time.process_time()
            for i, (answer, scores) in enumerate(records):
                journal.append(answer, scores)
                if i % ROUND == ROUND - 1:
                    await asyncio.sleep(0)
            spent = time.process_time() - started
            data.append(b"".join(p.read_bytes() for p in sorted(Path(name, "ame-bench", "journal").glob("*.jsonl"))))
            journal.close()
            return spent

        data: list[bytes] = []
        spent = asyncio.run(write())
        results.close()
        started = time.process_time()
        bare = Path(name, "bare")
        with bare.open("wb") as file:
            file.write(data[0])
            file.flush()
            os.fsync(file.fileno())
        raw = time.process_time() - started
    beside = f"the same {len(data[0]) / 1e6:.1f} MB in one write: {raw / count * 1e6:.2f} us a record"
    return [Figure("journal: CPU per record", round(spent / count * 1e6, 2), "us", beside=beside)]


def journal_lag(seconds: float) -> list[Figure]:
    """Returns how long a record waits until a power cut cannot take it, beside one bare sync of the same disk."""
    syncs: list[tuple[float, float]] = []
    original = os.fdatasync

    def timed(fd: int) -> None:
        begun = time.perf_counter()
        original(fd)
        syncs.append((begun, time.perf_counter()))

    appended: list[float] = []

    async def write(results: FileResults) -> None:
        journal = results.open_journal("ame-bench", ["prefix"])
        for answer, scores in _records(int(seconds * 100)):
            journal.append(answer, scores)
            await asyncio.sleep(0)
            appended.append(time.perf_counter())
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        journal.close()

    with tempfile.TemporaryDirectory() as name:
        results = FileResults(Path(name))
        os.fdatasync = timed
        try:
            asyncio.run(write(results))
        finally:
            os.fdatasync = original
        results.close()
        bare = _bare_sync(Path(name, "bare"))
    lags = sorted(next(end for begun, end in syncs if begun >= at) - at for at in appended)
    beside = f"median {statistics.median(lags) * 1000:.0f} ms; one bare sync {bare * 1000:.1f} ms"
    return [Figure("journal: longest wait for the disk", round(lags[-1] * 1000), "ms", 300, 220, beside=beside)]


def _bare_sync(path: Path) -> float:
    times: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(20):
            file.write(b"x" * 20_000)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def import_speed(count: int) -> list[Figure]:
    """Returns what importing costs, beside json.loads of the same lines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.jsonl", folder / "large.jsonl"
        write_rows(small, 10)
        write_rows(large, count)
        base, full = (
            cost_of((*STEELYARD, "dataset", "add", str(file), "--data-dir", str(folder / file.stem)), folder)
            for file in (small, large)
        )
        raw = _cpu(lambda: [json.loads(line) for line in large.open("rb")] and None)
    spent = full.cpu_s - base.cpu_s
    beside = f"json.loads alone {count / raw:,.0f}; {full.rss_mb:.0f} MB"
    return [
        Figure(
            f"import of {count // 1000}k rows: rows per CPU second",
            round(count / spent),
            "1/s",
            more_is_better=True,
            beside=beside,
        )
    ]


def report_build(data_dir: Path, rows: int) -> list[Figure]:
    """Returns what the report of a finished evaluation costs, beside reading its score column from the same files."""
    out = data_dir / "figures.json"
    cost_of((sys.executable, str(Path(__file__)), str(data_dir), str(out)), data_dir)
    found: dict[str, Any] = json.loads(out.read_text())
    beside = f"reading the scores alone {found['raw_s']:.3f} s"
    return [Figure(f"report of {rows // 1000}k rows: CPU", round(found["report_s"], 3), "s", beside=beside)]


def _cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _time_report(data_dir: Path) -> dict[str, float]:
    import pyarrow.parquet as pq

    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.evaluations.results import make_report
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings({}, data_dir=data_dir)) as platform:
        evaluation = platform.repositories.evaluations.find_by_name(DEFAULT_WORKSPACE, "bench")
        assert evaluation is not None
        files = list((data_dir / "evaluations" / evaluation.id / "shards").glob("scores-*.parquet"))

        def read() -> None:
            for file in files:
                pq.read_table(file, columns=["position", "value"], use_threads=False)

        read()
        return {"raw_s": _cpu(read), "report_s": _cpu(lambda: make_report(platform, evaluation))}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(_time_report(Path(sys.argv[1]))))
