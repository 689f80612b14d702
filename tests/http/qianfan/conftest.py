"""A real server on 127.0.0.1, and callers of workspaces of their own."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from steelyard.domain.request import EndpointSpec
from steelyard.flow.rows.records import RawRecord
from steelyard.services.access import create_key
from steelyard.services.datasets import import_dataset
from steelyard.services.evaluations.endpoints import add_endpoint
from steelyard.settings import load_settings
from steelyard.wiring import open_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steelyard.services.evaluations.platform import Platform

ENDED = {"Successed", "Failed", "Stopped"}


@dataclass
class Server:
    url: str
    platform: Platform

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


@dataclass
class Caller:
    """A workspace with an access key, and calls that are signed by hand."""

    server: Server
    workspace_id: str
    access_key: str
    secret_key: str

    def dataset(self, count: int = 6, kind: str = "general", **columns: str) -> str:
        field = "reference" if kind == "general" else "answer"
        values = [
            {"input": f"question {i}", "reference": f"{field} {i}", **columns}
            | ({"answer": f"reference {i % 3}"} if kind == "result_set" else {})
            for i in range(count)
        ]
        platform = self.server.platform
        record, _ = import_dataset(
            rows=platform.rows, datasets=platform.repositories.datasets, workspace_id=self.workspace_id, created_by="tester",
            now=platform.now(), name=f"{kind} of {count}", kind=kind, records=[RawRecord(i + 1, v) for i, v in enumerate(values)],
            file="rows.jsonl",
        )  # fmt: skip
        return record.version_id

    def model(self, base_url: str = "builtin:echo", name: str = "echo") -> str:
        spec = EndpointSpec(base_url, base_url, max_attempts=1)
        record = add_endpoint(
            self.server.platform, spec, name=name, workspace_id=self.workspace_id, created_by="tester", api_key=""
        )
        return record.model_version_id

    def headers(
        self,
        action: str,
        body: bytes,
        *,
        signed: tuple[str, ...] = ("content-length", "content-type", "host", "x-bce-date"),
        host: str = "",
        content_type: str = "application/json",
        expires_s: int = 1800,
        signed_at: datetime | None = None,
        secret_key: str = "",
        path: str = "/v2/eval",
    ) -> dict[str, str]:
        """Headers signed as the vendor's Node client signs; other clients differ in `signed`, `host` and type."""
        moment = (signed_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {
            "content-length": str(len(body)),
            "content-type": content_type,
            "host": host or self.server.host,
            "x-bce-date": moment,
        }
        scope = f"bce-auth-v1/{self.access_key}/{moment}/{expires_s}"
        key = _hmac(secret_key or self.secret_key, scope)
        lines = sorted(f"{name}:{quote(values[name], safe='')}" for name in signed)
        signature = _hmac(key, "\n".join(("POST", path, f"Action={action}", *lines)))
        return {
            "Content-Type": content_type,
            "x-bce-date": moment,
            "Authorization": f"{scope}/{';'.join(signed)}/{signature}",
        }

    def post(self, action: str, body: object, **how: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return httpx.post(
            f"{self.server.url}/v2/eval?Action={action}", content=content, headers=self.headers(action, content, **how)
        )

    def result(self, action: str, body: object) -> Any:
        response = self.post(action, body)
        answer = response.json()
        assert response.status_code == 200, answer
        assert set(answer) == {"requestId", "result"}
        return answer["result"]

    def tasks(self) -> list[dict[str, Any]]:
        return self.result("DescribeEvalTasks", {"evalType": "auto"})["evalTaskList"]

    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(600):
            task = self.result("DescribeEvalTask", {"taskId": task_id})
            if task["state"] in ENDED:
                return task
            time.sleep(0.05)
        raise AssertionError(f"{task_id} does not end: {task}")


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`steelyard serve` as a process of its own; the tests put data into the same installation."""
    folder = tmp_path_factory.mktemp("qianfan")
    command = [sys.executable, "-m", "steelyard", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    env = {**os.environ, "STEELYARD_LANG": "en"}
    with (
        (folder / "log").open("w+b") as log,
        subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline().decode()
            found = re.search(r"http://[\d.]+:\d+", said)
            assert found, said + (folder / "log").read_text()
            with open_platform(load_settings({}, data_dir=folder / "data")) as platform:
                yield Server(found[0], platform)
        finally:
            process.terminate()
            process.wait(30)


_numbers = itertools.count()


@pytest.fixture
def new_caller(server: Server) -> Callable[[], Caller]:
    """Makes callers, each in an empty workspace of its own."""

    def make() -> Caller:
        workspace_id = f"ws-{next(_numbers)}"
        key = create_key(server.platform.repositories, workspace_id, "tester", kind="access")
        return Caller(server, workspace_id, key.key, key.secret)

    return make


@pytest.fixture
def caller(new_caller: Callable[[], Caller]) -> Caller:
    """A caller whose workspace is empty."""
    return new_caller()


@pytest.fixture
def task_body(caller: Caller) -> dict[str, Any]:
    """A body that keeps every limit."""
    return {
        "taskName": "管控API评估测试",
        "description": "测试",
        "evalObjectType": "model",
        "evalObjectConfig": {
            "evalModelConfig": {
                "versionId": caller.dataset(),
                "storageType": "sysStorage",
                "evalModelConfigList": [{"modelId": caller.model(), "promptTemplate": "{input}"}],
            }
        },
        "evalConfig": {"evalMode": "rule"},
    }
