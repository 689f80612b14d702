"""What a command costs, as the kernel counts it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STEELYARD = (sys.executable, "-m", "steelyard")
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Cost:
    """Of one command, or the median of several runs of it."""

    cpu_s: float
    """user + system"""
    rss_mb: float
    """Peak, of the largest single process."""
    wall_s: float


def cost_of(command: Sequence[str], folder: Path) -> Cost:
    """Runs a command in a folder and returns its cost; its output is shown only when it fails."""
    log = folder / "command.log"
    with log.open("w+", encoding="utf-8") as out:
        launch = (sys.executable, "-I", "-S", str(_LAUNCH), *command)
        subprocess.run(
            launch, cwd=folder, stdout=out, stderr=out, env={**os.environ, "STEELYARD_LANG": "en"}, check=True
        )
    lines = log.read_text("utf-8").splitlines()
    status, cpu_s, rss_kib, wall_s = lines[-1].split()
    if int(status):
        raise SystemExit(f"{' '.join(command)} ended with {status}:\n" + "\n".join(lines[-30:]))
    return Cost(float(cpu_s), float(rss_kib) / 1024, float(wall_s))


def median(costs: Sequence[Cost]) -> Cost:
    """Returns the median of each figure."""
    return Cost(
        *(statistics.median(values) for values in zip(*((c.cpu_s, c.rss_mb, c.wall_s) for c in costs), strict=True))
    )


def per_1000(large: Cost, small: Cost, rows: int) -> float:
    """Returns CPU seconds per 1,000 rows beyond what starting costs."""
    return (large.cpu_s - small.cpu_s) / rows * 1000
