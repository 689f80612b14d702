"""The whole road, `steelyard run`, beside the raw client: rows to report, every answer durable, at 50 ms and 256 in flight."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from endpoint import Endpoint, running_endpoint
from figures import Figure
from measure import STEELYARD, Cost, cost_of, median, per_1000
from rows import IN_FLIGHT, write_plan, write_rows

RAW = Path(__file__).with_name("raw_client.py")
LATENCY_MS = 50
SMALL = 10


@dataclass
class Bench:
    """A running endpoint and a folder for rows, plans and data."""

    endpoint: Endpoint
    folder: Path

    def raw(self, count: int) -> Cost:
        """Returns what the raw client costs on `count` rows."""
        self.endpoint.reset()
        command = (sys.executable, str(RAW), str(self._rows(count)), self.endpoint.base_url, str(IN_FLIGHT))
        return self._checked(cost_of(command, self.folder), count)

    def run(self, count: int, data_dir: Path | None = None) -> Cost:
        """Returns what `steelyard run` costs on `count` rows, in a fresh data dir."""
        self.endpoint.reset()
        plan = self.folder / f"plan-{count}.json"
        write_plan(plan, self._rows(count), self.endpoint.base_url)
        with tempfile.TemporaryDirectory(dir=self.folder) as fresh:
            command = (*STEELYARD, "run", str(plan), "--json", "--data-dir", str(data_dir or fresh))
            return self._checked(cost_of(command, self.folder), count)

    def _rows(self, count: int) -> Path:
        path = self.folder / f"rows-{count}.jsonl"
        if not path.exists():
            write_rows(path, count)
        return path

    def _checked(self, cost: Cost, count: int) -> Cost:
        stats = self.endpoint.stats()
        if (stats["answered_prompts"], stats["answered_again"]) != (count, 0):
            raise SystemExit(
                f"the endpoint answered {stats['answered_prompts']} of {count} prompts, {stats['answered_again']} again"
            )
        return cost


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, running_endpoint(answer="sum", latency_ms=LATENCY_MS) as endpoint:
        yield Bench(endpoint, Path(folder))


def compare(on: Bench, rows: int, repeats: int) -> list[Figure]:
    """Returns the marginal CPU of `run` and of the raw client, measured in turns, and their ratio."""
    costs: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(repeats):
        for count in (SMALL, rows):
            costs.setdefault(("raw", count), []).append(on.raw(count))
            costs.setdefault(("run", count), []).append(on.run(count))
    middle = {key: median(found) for key, found in costs.items()}
    raw = per_1000(middle["raw", rows], middle["raw", SMALL], rows)
    ours = per_1000(middle["run", rows], middle["run", SMALL], rows)
    size = f"{rows // 1000}k"
    ratios = sorted(
        per_1000(b, b0, rows) / per_1000(a, a0, rows)
        for a, a0, b, b0 in zip(
            *(costs[key] for key in (("raw", rows), ("raw", SMALL), ("run", rows), ("run", SMALL))), strict=True
        )
    )
    spread = f"pairs {', '.join(f'{r:.2f}' for r in ratios)}"
    return [
        Figure(f"run {size}: CPU per 1,000 rows", round(ours, 4), "s", beside=f"raw client {raw:.4f} s"),
        Figure(f"run {size}: CPU, times the raw client", round(ours / raw, 2), "x", 2.5, 1.6, beside=spread),
        Figure(f"run {size}: peak memory", round(middle["run", rows].rss_mb, 1), "MB", 180, 150, beside=f"raw client {middle['raw', rows].rss_mb:.0f} MB"),
        Figure(f"run {size}: rows per second", round(rows / middle["run", rows].wall_s), "1/s", beside=f"raw client {rows / middle['raw', rows].wall_s:.0f}; the endpoint allows {IN_FLIGHT * 1000 // LATENCY_MS}"),
    ]  # fmt: skip


def growth(on: Bench, rows: int, data_dir: Path) -> list[Figure]:
    """Returns how memory and CPU grow to ten times the rows; what was evaluated stays in `data_dir`."""
    small, large = on.run(rows), on.run(rows * 10, data_dir)
    size, ten = f"{rows // 1000}k", f"{rows // 100}k"
    return [
        Figure(f"run {ten}: peak memory beyond {size}", round(large.rss_mb - small.rss_mb, 1), "MB", 20, 0, beside=f"{small.rss_mb:.0f} -> {large.rss_mb:.0f} MB"),
        Figure(f"run {ten}: CPU per 1,000 rows", round(per_1000(large, on.run(SMALL), rows * 10), 4), "s", beside=f"{rows * 10 / large.wall_s:.0f} rows a second"),
    ]  # fmt: skip


def start_up(on: Bench, repeats: int) -> list[Figure]:
    """Returns what starting costs: a run of ten rows, and the help."""
    python = median([cost_of((sys.executable, "-c", "pass"), on.folder) for _ in range(repeats)])
    ten = median([on.run(SMALL) for _ in range(repeats)])
    text = median([cost_of((*STEELYARD, "--help"), on.folder) for _ in range(repeats)])
    beside = f"bare python {python.cpu_s:.3f} s, {python.rss_mb:.0f} MB"
    return [
        Figure("run of 10 rows: CPU", round(ten.cpu_s, 3), "s", 0.8, 0.5, beside=beside),
        Figure("run of 10 rows: peak memory", round(ten.rss_mb, 1), "MB", beside=beside),
        Figure("--help: CPU", round(text.cpu_s, 3), "s", 0.3, 0.15, beside=beside),
    ]
