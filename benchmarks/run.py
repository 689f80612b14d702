"""Runs the benchmarks, prints every figure beside a raw limit of the same run, and adds a line to history.jsonl.

    make bench
    python benchmarks/run.py [--quick] [--only road|growth|start-up|scoring|journal|import|kill ...] [--no-history]

CPU seconds are the figures to trust: they hold on a busy machine, where wall-clock times do not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from figures import Figure, table  # noqa: E402
from kill import kill_and_resume  # noqa: E402
from road import bench, compare, growth, start_up  # noqa: E402
from storage import import_speed, journal_lag, journal_speed, report_build  # noqa: E402

HISTORY = HERE / "history.jsonl"


def road(quick: bool) -> list[Figure]:
    with bench() as on:
        found = compare(on, 2_000, 1 if quick else 3)
        return found if quick else [*found, *compare(on, 20_000, 3)]


def growth_and_report(quick: bool) -> list[Figure]:
    rows = 2_000 if quick else 20_000
    with bench() as on, tempfile.TemporaryDirectory() as kept:
        return [*growth(on, rows, Path(kept)), *report_build(Path(kept), rows * 10)]


def starting(quick: bool) -> list[Figure]:
    with bench() as on:
        return start_up(on, 3 if quick else 5)


def journal(quick: bool) -> list[Figure]:
    return [*journal_speed(5_000 if quick else 40_000), *journal_lag(1.0 if quick else 4.0)]


def importing(quick: bool) -> list[Figure]:
    return import_speed(20_000 if quick else 200_000)


def scoring(quick: bool) -> list[Figure]:
    import scoring as benchmark

    with contextlib.redirect_stdout(io.StringIO()):
        measured = benchmark.main(300 if quick else 1500)
    found: list[Figure] = []
    for one in measured:
        name = f"{one['scorer']} {one['language']}"
        if one["ratio"] is None:
            found.append(Figure(f"{name}: CPU per 1,000 pairs", one["cpu_s_per_1000"], "s"))
            continue
        limit, goal = (15, 25) if name == "rouge_1+2+l zh" else (None, None)
        beside = f"ours {one['cpu_s_per_1000']:.4f} s per 1,000 pairs, {one['reference']} {one['reference_cpu_s_per_1000']:.4f} s"
        found.append(
            Figure(f"{name}: times faster than {one['reference']}", one["ratio"], "x", limit, goal, True, beside)
        )
    return found


def killing(quick: bool) -> list[Figure]:
    return kill_and_resume(1_000 if quick else 4_000)


BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "start-up": starting,
    "road": road,
    "growth": growth_and_report,
    "journal": journal,
    "import": importing,
    "kill": killing,
    "scoring": scoring,
}


def remember(figures: list[Figure], names: list[str], quick: bool) -> None:
    """Adds one line to the history."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    line = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": asked.stdout.strip() or None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "quick": quick,
        "benchmarks": names,
        "figures": [figure.record() for figure in figures],
    }
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def main() -> int:
    """Returns 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Measures Steelyard beside raw limits.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats: a minute instead of six")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="this benchmark alone; may be given again")
    parser.add_argument("--no-history", action="store_true", help="print only")
    given = parser.parse_args()
    names = given.only or list(BENCHMARKS)
    figures: list[Figure] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += BENCHMARKS[name](given.quick)
    print(table(figures))
    if not given.no_history:
        remember(figures, names, given.quick)
    return 1 if any(f.mark == "MISSED" for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
