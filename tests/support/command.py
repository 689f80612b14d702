"""The `steelyard` command as a person meets it: a process, its two streams, and its exit status."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from steelyard.adapters.store.results import FileResults

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from steelyard.domain.answer import AnswerRecord

COMMAND = [sys.executable, "-m", "steelyard"]
VOLATILE = frozenset({
    "evaluation_id", "created_at", "finished_at", "dataset_version_id", "latency", "retried", "attempts",
})  # fmt: skip
"""What may differ between a disturbed run's report and an undisturbed one's."""


@dataclass(frozen=True)
class Said:
    """What one call of the command left behind."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on standard output."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines on standard error that tell an error."""
        return [line for line in self.err.splitlines() if line.startswith("error[")]


def clean_env(**more: str) -> dict[str, str]:
    """Returns the environment without what would steer the command, English, and `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEELYARD_")}
    return {**kept, "STEELYARD_LANG": "en", **more}


def start(*args: object, cwd: Path | None = None, most_bytes: int = 0, **env: str) -> subprocess.Popen[str]:
    """Starts the command and returns its process, both streams piped; `most_bytes` bounds every file it writes."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.Popen(
        [*COMMAND, *map(str, args)], cwd=cwd, env=clean_env(**env), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=bound if most_bytes else None,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], timeout_s: float = 90.0) -> Said:
    """Waits for a started command to end."""
    out, err = process.communicate(timeout=timeout_s)
    return Said(process.returncode, out, err)


def steelyard(*args: object, cwd: Path | None = None, **env: str) -> Said:
    """Runs the command to its end."""
    return finish(start(*args, cwd=cwd, **env))


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Writes JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def sums(count: int, start_at: int = 0) -> list[dict[str, Any]]:
    """Returns rows that ask for distinct sums, with their references."""
    return [
        {"id": f"r{i}", "input": f"What is {i} + 7?", "reference": str(i + 7)}
        for i in range(start_at, start_at + count)
    ]


def write_plan(path: Path, **fields: Any) -> Path:
    """Writes a plan; fields given as None are left out."""
    path.write_text(yaml.safe_dump({k: v for k, v in fields.items() if v is not None}, allow_unicode=True), "utf-8")
    return path


def model(
    label: str, base_url: str, template: str = "", params: dict[str, Any] | None = None, **endpoint: Any
) -> dict[str, Any]:
    """Returns a plan's object that asks an endpoint; two attempts, so that faults do not make tests slow."""
    given = {"base_url": base_url, "model": "m", "max_attempts": 2, **endpoint}
    return {"label": label, "endpoint": given, "prompt_template": template, "params": params or {}}


def comparable(value: Any) -> Any:
    """Returns a report without ids, times, latency and attempts."""
    if isinstance(value, dict):
        return {k: comparable(v) for k, v in value.items() if k not in VOLATILE}
    return [comparable(v) for v in value] if isinstance(value, list) else value


def evaluation_folders(data_dir: Path) -> list[Path]:
    """Returns the folders of recorded results."""
    folder = data_dir / "evaluations"
    return sorted(folder.iterdir()) if folder.exists() else []


def stored_evaluations(data_dir: Path) -> int:
    """Returns how many evaluations the database holds."""
    file = data_dir / "steelyard.db"
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return connection.execute("select count(*) from evaluations").fetchone()[0]
    finally:
        connection.close()


def recorded_answers(data_dir: Path) -> list[AnswerRecord]:
    """Returns every recorded answer and failure of every evaluation, the newest of each key only."""
    results = FileResults(data_dir / "evaluations")
    newest: dict[tuple[object, ...], AnswerRecord] = {}
    for folder in evaluation_folders(data_dir):
        for record in results.answers(folder.name):
            newest[(folder.name, record.unit, record.position, record.repeat, record.turn)] = record
    results.close()
    return list(newest.values())
