"""What looking through a large data set costs: profile, check, difference and one page.

    python benchmarks/datasets.py [--quick] [--rows 1000000]

Each figure is of the whole command, start-up included; the limits are for 1,000,000 rows. Rates are rows a CPU second, which
holds on a busy machine; the wall clock stands beside them.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from figures import Figure, table
from measure import STEELYARD, Cost, cost_of
from steelyard.adapters.store.rows import FileRowStore

ROWS = 1_000_000
QUICK_ROWS = 50_000
PAGE, PAGE_ROWS = 20_000, 50
_CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"


def write_data(path: Path, count: int, changed_every: int = 0) -> None:
    """Writes rows of some 80 characters, half Chinese, one in 50 a question repeated and one in 50 nearly so."""
    generator = random.Random(5)
    words = ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(2, 9))) for _ in range(20_000)]
    question = ""
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            if i % 50 == 40:
                question = "." + question
            elif i % 50 == 20:
                # The question before once more, with another reference.
                pass
            elif i % 2:
                question = "".join(generator.choices(_CHINESE, k=60))
            else:
                question = " ".join(generator.choices(words, k=14))
            reference = "changed" if changed_every and i % changed_every == 0 else f"answer {i % 1000}"
            row = {"id": f"row-{i}", "input": question, "reference": reference, "category": f"c{i % 12}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def measured(rows: int) -> list[Figure]:
    """Returns the figures of `rows` rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        versions = [_add(folder, rows, "first", 0), _add(folder, rows, "second", 1000)]
        where = ("--data-dir", str(folder / "data"))
        first = versions[0]
        profile = cost_of((*STEELYARD, "dataset", "profile", first, *where), folder)
        exact = cost_of((*STEELYARD, "dataset", "check", first, "--no-near", *where), folder)
        near = cost_of((*STEELYARD, "dataset", "check", first, *where), folder)
        diff = cost_of((*STEELYARD, "dataset", "diff", *versions, *where), folder)
        store = FileRowStore(folder / "data" / "datasets")
        start = min(PAGE * PAGE_ROWS, rows) - PAGE_ROWS
        started = time.perf_counter()
        assert len(list(store.read(first, start, start + PAGE_ROWS))) == PAGE_ROWS
        page_ms = (time.perf_counter() - started) * 1000
    return [
        _rate("profile", rows, profile, 30_000),
        Figure("profile: peak memory", profile.rss_mb, "MiB", 300),
        _rate("check without near duplicates", rows, exact, 30_000),
        Figure("check without near duplicates: peak memory", exact.rss_mb, "MiB", 300),
        _rate("check", rows, near, None),
        Figure("check: peak memory", near.rss_mb, "MiB", 300),
        Figure("difference of two versions", diff.cpu_s, "CPU s", 30, beside=f"{diff.wall_s:.1f} s on the clock"),
        Figure("difference: peak memory", diff.rss_mb, "MiB", 300),
        Figure(f"page {PAGE:,} of {PAGE_ROWS} rows", page_ms, "ms", 100),
    ]


def _rate(name: str, rows: int, cost: Cost, limit: float | None) -> Figure:
    beside = f"{cost.wall_s:.1f} s on the clock"
    return Figure(name, rows / cost.cpu_s, "rows/s", limit, more_is_better=True, beside=beside)


def _add(folder: Path, rows: int, name: str, changed_every: int) -> str:
    file = folder / f"{name}.jsonl"
    write_data(file, rows, changed_every)
    cost_of((*STEELYARD, "dataset", "add", str(file), "--data-dir", str(folder / "data")), folder)
    file.unlink()
    lines = (folder / "command.log").read_text("utf-8").splitlines()
    return next(line.split(":")[0] for line in lines if line.startswith("ds-"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows")
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    print(table(measured(QUICK_ROWS if given.quick else given.rows)))
