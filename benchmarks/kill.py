"""What `kill -9` costs: prompts that the endpoint had answered before it and that the second run asks once more."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from endpoint import running_endpoint
from figures import Figure
from measure import STEELYARD
from rows import IN_FLIGHT, write_plan, write_rows


def kill_and_resume(rows: int) -> list[Figure]:
    """Returns how many answered prompts were asked again after a kill in the middle, at 200 ms and 256 in flight."""
    with tempfile.TemporaryDirectory() as name, running_endpoint(answer="sum", latency_ms=200) as endpoint:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", rows)
        write_plan(folder / "plan.json", folder / "rows.jsonl", endpoint.base_url)
        command = (*STEELYARD, "run", "plan.json", "--json", "--data-dir", "data")
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ}}
        process = subprocess.Popen(command, **quiet)
        while endpoint.stats()["ok"] < rows // 2 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        time.sleep(0.5)
        before = endpoint.stats()
        recorded = sum(
            line[9:10] == b"A"
            for part in folder.glob("data/evaluations/*/journal/*.jsonl")
            for line in part.read_bytes().splitlines()
        )
        subprocess.run(command, check=True, **quiet)
        again = endpoint.stats()["answered_again"]
    beside = f"killed with {before['ok']:,} of {rows:,} answered; {IN_FLIGHT} in flight"
    return [
        Figure("kill -9: recorded answers lost", recorded - (before["ok"] - again), "", 0, 0, beside=beside),
        Figure("kill -9: answers asked for again", again, "", IN_FLIGHT, rows // 100, beside="of those, all were on their way back"),
    ]  # fmt: skip
