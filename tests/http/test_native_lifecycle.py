"""Evaluations outlive their server: killed, drained, stopped, resumed, shared between processes. Nothing recorded is asked again."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.http.serving import Server, as_jsonl, environment, plan, running_server, sums
from tests.support.endpoint import Endpoint, running_endpoint

from steelyard.adapters.store.results import FileResults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 160


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint(answer="sum", latency_ms=100) as running:
        yield running


def start(server: Server, endpoint: Endpoint, rows: int = ROWS, concurrency: int = 8) -> str:
    dataset = server.upload(sums(rows))
    ep = server.endpoint(endpoint.base_url, max_concurrency=concurrency)
    return server.post("/evaluations", plan(dataset["version_id"], ep))["id"]


def under_way(evaluation: dict[str, object]) -> bool:
    return evaluation["state"] == "inferring" and evaluation["progress"] > 0.1  # type: ignore[operator]


def recorded_prompts(data_dir: Path, evaluation_id: str) -> set[str]:
    results = FileResults(data_dir / "evaluations")
    try:
        return {record.prompt for record in results.answers(evaluation_id)}
    finally:
        results.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_in_the_middle_goes_on_at_the_next_start(
    data_dir: Path, endpoint: Endpoint, number: int
) -> None:
    with running_server(data_dir) as first:
        evaluation_id = start(first, endpoint)
        first.wait(evaluation_id, under_way)
        status = first.end(number)
    assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    time.sleep(0.2)
    recorded, before = recorded_prompts(data_dir, evaluation_id), endpoint.prompts()
    assert 0 < len(recorded) < ROWS
    with running_server(data_dir) as second:
        evaluation = second.wait(evaluation_id)
        report = second.get(f"/evaluations/{evaluation_id}/report")
    assert evaluation["state"] == "succeeded"
    assert evaluation["units"][0]["counts"]["answered"] == ROWS
    assert report["units"][0]["metrics"][0]["value"] == 1.0
    after = endpoint.prompts()
    assert {prompt for prompt in recorded if after[prompt] != before[prompt]} == set()
    assert len(after) == ROWS


def test_a_stopped_evaluation_stays_so_until_it_is_resumed(data_dir: Path, endpoint: Endpoint) -> None:
    with running_server(data_dir) as server:
        evaluation_id = start(server, endpoint)
        server.wait(evaluation_id, under_way)
        running = server.client.post(f"/evaluations/{evaluation_id}/resume")
        assert (running.status_code, running.json()["code"]) == (409, "evaluation_running")
        assert server.client.delete(f"/evaluations/{evaluation_id}").status_code == 409
        assert server.post(f"/evaluations/{evaluation_id}/stop", status=200)["state"] in {"stopping", "stopped"}
        stopped = server.wait(evaluation_id)
        assert (stopped["state"], stopped["stop_reason"]) == ("stopped", "user")
        assert server.post(f"/evaluations/{evaluation_id}/stop", status=200)["state"] == "stopped"
        server.end()
    recorded, before = recorded_prompts(data_dir, evaluation_id), endpoint.prompts()
    with running_server(data_dir) as server:
        assert server.get(f"/evaluations/{evaluation_id}")["state"] == "stopped"
        server.post(f"/evaluations/{evaluation_id}/resume", status=200)
        assert server.wait(evaluation_id)["state"] == "succeeded"
    after = endpoint.prompts()
    assert {prompt for prompt in recorded if after[prompt] != before[prompt]} == set()


def test_stop_and_resume_at_once_loses_nothing(data_dir: Path, endpoint: Endpoint) -> None:
    with running_server(data_dir) as server:
        evaluation_id = start(server, endpoint, rows=40)
        for _ in range(3):
            server.post(f"/evaluations/{evaluation_id}/stop", status=200)
            server.wait(evaluation_id)
            server.post(f"/evaluations/{evaluation_id}/resume", status=200)
        assert server.wait(evaluation_id)["state"] == "succeeded"


def test_what_failed_is_asked_again(data_dir: Path) -> None:
    with running_endpoint(answer="sum", malformed=0.3, fail_attempts=0) as endpoint, running_server(data_dir) as server:
        dataset = server.upload(sums(30))
        ep = server.endpoint(endpoint.base_url, max_attempts=1)
        evaluation = server.wait(server.post("/evaluations", plan(dataset["version_id"], ep))["id"])
        assert evaluation["state"] == "partially_failed"
        failed = server.get(f"/evaluations/{evaluation['id']}/samples", failed=True, limit=100)["items"]
        assert len(failed) == evaluation["units"][0]["counts"]["failed"] > 0
        assert all(s["answer"] is None and s["failure"] == "malformed" for s in failed)
        endpoint.configure(malformed=0)
        server.post(f"/evaluations/{evaluation['id']}/retry-failed", status=200)
        again = server.wait(evaluation["id"])
        assert again["state"] == "succeeded"
        assert endpoint.stats()["total"] == 30 + len(failed)


def test_two_servers_on_one_data_dir_share_the_work(data_dir: Path, endpoint: Endpoint) -> None:
    with running_server(data_dir) as one, running_server(data_dir) as two:
        evaluation_id = start(one, endpoint)
        one.wait(evaluation_id, under_way)
        elsewhere = two.client.post(f"/evaluations/{evaluation_id}/stop")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "evaluation_locked")
        assert two.wait(evaluation_id)["state"] == "succeeded"
        stats = endpoint.stats()
    assert (stats["total"], stats["asked_again"]) == (ROWS, 0)


def test_a_run_and_a_server_never_work_on_the_same_evaluation(
    data_dir: Path, endpoint: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(as_jsonl(sums(ROWS)))
    (tmp_path / "plan.yaml").write_text(
        f"dataset: rows.jsonl\nscorers: [exact]\nobjects:\n- label: m\n  endpoint: {{base_url: {endpoint.base_url}, model: m, max_concurrency: 8}}\n"
    )
    command = [sys.executable, "-m", "steelyard", "run", str(tmp_path / "plan.yaml"), "--data-dir", str(data_dir)]
    with running_server(data_dir) as server:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        try:
            while not (items := server.get("/evaluations")["items"]) or not under_way(items[0]):
                assert run.poll() is None, run.communicate()
                time.sleep(0.05)
            run.send_signal(signal.SIGINT)
            out, error = run.communicate(timeout=30)
            assert run.returncode == 130, out + error
            assert server.get(f"/evaluations/{items[0]['id']}")["state"] == "stopped"
            server.end()
            stats = endpoint.stats()
            assert stats["asked_again"] == 0
        finally:
            run.kill()
            run.wait()
    with running_server(data_dir) as server:
        assert server.get(f"/evaluations/{items[0]['id']}")["state"] == "stopped"
    assert endpoint.stats()["total"] == stats["total"]


def test_streams_end_when_the_server_ends(data_dir: Path) -> None:
    with running_endpoint(latency_ms=60_000) as hanging, running_server(data_dir) as server:
        evaluation_id = start(server, hanging, rows=3)
        with server.client.stream("GET", f"/evaluations/{evaluation_id}/events") as response:
            chunks = response.iter_text()
            assert "event: progress" in next(chunks)
            server.process.send_signal(signal.SIGTERM)
            assert "event: end" not in "".join(chunks)
        assert server.process.wait(20) == 0


def test_a_port_in_use_is_one_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "steelyard", "serve", "--port", str(port), "--data-dir", str(data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=30)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error[cannot_listen]")
    assert str(port) in line
    assert "--port" in line


def test_an_executor_that_is_not_there_is_one_line(data_dir: Path) -> None:
    command = [sys.executable, "-m", "steelyard", "serve", "--executor", "ray", "--data-dir", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("error[executor_unavailable]")


def test_a_first_start_on_a_terminal_shows_keys_once(data_dir: Path) -> None:
    first, second = on_a_terminal(data_dir), on_a_terminal(data_dir)
    (api_key,) = re.findall(r"sk-[0-9a-f]{48}", first)
    assert len(re.findall(r"shown this once", first)) == 2
    assert "sk-" not in second
    with running_server(data_dir) as server:
        assert server.client.get("/me", headers={"Authorization": f"Bearer {api_key}"}).json()["user"] == "root"


def test_uploads_of_a_killed_server_are_removed(data_dir: Path) -> None:
    folder = data_dir / "uploads"
    folder.mkdir(parents=True)
    old, new = folder / "old", folder / "new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    with running_server(data_dir):
        assert list(folder.iterdir()) == [new]


def on_a_terminal(data_dir: Path) -> str:
    """Returns what a server says on a terminal until it listens."""
    ours, theirs = pty.openpty()
    env = {name: value for name, value in environment().items() if name != "STEELYARD_ROOT_API_KEY"}
    command = [sys.executable, "-m", "steelyard", "serve", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=env)
    os.close(theirs)
    said = ""
    try:
        while "listens on" not in said:
            said += os.read(ours, 4096).decode()
        return said
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)
