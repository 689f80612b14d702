"""An endpoint that refuses everybody in the same words is a mistake in the plan: it is not asked for every row."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.command import model, steelyard, sums, write_plan, write_rows


@contextmanager
def refusing(answered: int, message: str) -> Iterator[tuple[str, list[str]]]:
    """A server that answers the first requests, and refuses the rest with 404; yields its address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200, {"data": []})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body["messages"][-1]["content"])
            if len(asked) <= answered:
                self.reply(200, {"choices": [{"message": {"content": "7"}}]})
            else:
                self.reply(404, {"error": {"message": message.format(n=len(asked))}})

        def reply(self, status: int, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(folder: Path, url: str, rows: int = 400) -> tuple[int, dict[str, int], str]:
    write_rows(folder / "rows.jsonl", sums(rows))
    objects = [model("m", url, max_concurrency=4)]
    plan = write_plan(folder / "plan.yaml", dataset="rows.jsonl", objects=objects, scorers=["exact"])
    said = steelyard("run", plan, "--json", "--data-dir", folder / "data")
    return said.status, said.report["units"][0]["counts"], said.err


def test_a_model_that_is_not_there_is_not_asked_for_every_row(tmp_path: Path) -> None:
    with refusing(0, "The model `goood` does not exist") as (url, asked):
        status, counts, err = run(tmp_path, url)
    assert status == 1
    assert "does not exist" in err
    assert len(asked) < 60
    assert (counts["answered"], counts["failed"]) == (0, 0)


@pytest.mark.parametrize(("answered", "message"), [(1, "too long"), (0, "row {n} is too long")])
def test_rows_that_are_refused_one_by_one_are_all_asked_and_marked(tmp_path: Path, answered: int, message: str) -> None:
    with refusing(answered, message) as (url, asked):
        status, counts, _ = run(tmp_path, url, rows=120)
    assert status == 1
    assert len(asked) == 120
    assert counts["failed"] == 120 - answered
