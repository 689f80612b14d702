"""A real server in a process of its own, and a client that speaks to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-0123456789abcdef"
ENDED = {"succeeded", "partially_failed", "failed", "stopped"}


class Server:
    """A running server, as a test sees it."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.client = httpx.Client(
            base_url=url + "/api/v1", headers={"Authorization": f"Bearer {KEY}"}, timeout=30, trust_env=False
        )

    def get(self, path: str, **params: Any) -> Any:
        response = self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, status: int = 201, **headers: str) -> Any:
        response = self.client.post(path, json=body, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    def upload(self, rows: list[dict[str, Any]] | bytes, name: str = "rows.jsonl", **fields: str) -> Any:
        response = self.client.post("/datasets", files={"file": (name, as_jsonl(rows))}, data=fields)
        assert response.status_code == 201, response.text
        return response.json()

    def endpoint(self, base_url: str, **more: Any) -> str:
        return self.post("/endpoints", {"name": "m", "base_url": base_url, "model": "m", **more})["id"]

    def wait(self, evaluation_id: str, until: Any = None) -> Any:
        """Returns the evaluation once `until` holds of it; without it, once it has ended."""
        deadline = time.monotonic() + 60
        while True:
            evaluation = self.get(f"/evaluations/{evaluation_id}")
            if until(evaluation) if until else evaluation["state"] in ENDED:
                return evaluation
            assert time.monotonic() < deadline, evaluation
            assert evaluation["state"] not in ENDED, evaluation
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends the process with a signal; returns its exit status."""
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def running_server(data_dir: Path, *arguments: str) -> Iterator[Server]:
    """Runs `steelyard serve` on a free port until the block ends."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / f"server-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "steelyard", "serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment()
        )
    assert process.stdout is not None
    server: Server | None = None
    try:
        said = process.stdout.readline()
        match = re.search(r"http://\S+", said)
        assert match, said + log.read_text()
        server = Server(process, match[0], log)
        yield server
    finally:
        if server is not None:
            server.client.close()
        process.kill()
        process.wait()
        process.stdout.close()


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
    return {**kept, "STEELYARD_ROOT_API_KEY": KEY, "STEELYARD_LANG": "en"}


def sums(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows that the test endpoint answers right with `answer="sum"`."""
    return [
        {
            "id": f"r{i}",
            "input": f"What is {i} + 1?",
            "reference": str(i + 1),
            "category": "even" if i % 2 == 0 else "odd",
        }
        for i in range(start, start + count)
    ]


def as_jsonl(rows: list[dict[str, Any]] | bytes) -> bytes:
    if isinstance(rows, bytes):
        return rows
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def plan(dataset: str, *endpoints: str, **more: Any) -> dict[str, Any]:
    objects = [{"label": f"m{i}", "endpoint": endpoint} for i, endpoint in enumerate(endpoints)]
    return {"name": "sums", "dataset": dataset, "objects": objects, "scorers": ["exact"], **more}
