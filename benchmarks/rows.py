"""Deterministic rows: short sums, each asked once, so that an answer asked for twice would show."""

from __future__ import annotations

import json
from pathlib import Path

IN_FLIGHT = 256


def write_rows(path: Path, count: int) -> None:
    """Writes `count` rows, no two alike; the same count gives the same bytes."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            a, b = i, i * 7919 % 100_003
            row = {
                "id": f"sum-{i:06d}",
                "input": f"What is {a} + {b}?",
                "reference": str(a + b),
                "category": "odd" if i % 2 else "even",
            }
            file.write(json.dumps(row) + "\n")


def write_plan(path: Path, rows: Path, base_url: str) -> None:
    """Writes the plan that asks all rows of one endpoint and scores them by prefix."""
    plan = {
        "steelyard": 1,
        "name": "bench",
        "dataset": str(rows),
        "objects": [{"label": "bench", "endpoint": {"base_url": base_url, "model": "bench"}}],
        "scorers": ["prefix"],
        "limits": {"max_concurrency": IN_FLIGHT},
    }
    path.write_text(json.dumps(plan), "utf-8")
