"""The vendor's own Python client against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import qianfan
from qianfan import resources
from qianfan.errors import RequestError
from qianfan.resources.console.eval import Eval

if TYPE_CHECKING:
    from conftest import Caller

EXAMPLE = Path(__file__).parents[3] / "examples" / "qianfan" / "create_eval_task.py"


@pytest.fixture(autouse=True)
def pointed_here(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    config = qianfan.get_config()
    monkeypatch.setattr(config, "CONSOLE_API_BASE_URL", caller.server.url)
    monkeypatch.setattr(config, "ACCESS_KEY", caller.access_key)
    monkeypatch.setattr(config, "SECRET_KEY", caller.secret_key)


def call(action: str, body: dict[str, Any]) -> Any:
    return resources.console.utils.call_action("/v2/eval", action, body).body


def test_the_vendors_sample_runs_with_ids_mode_and_address_changed(caller: Caller) -> None:
    resp = call(
        "CreateEvalTask",
        {
            "taskName": "管控API裁判员评估测试",
            "description": "管控API测试",
            "evalObjectType": "model",
            "evalObjectConfig": {
                "evalModelConfig": {
                    "versionId": caller.dataset(),
                    "storageType": "sysStorage",
                    "evalModelConfigList": [
                        {
                            "modelId": caller.model("builtin:retrieval", "nearest"),
                            "promptTemplate": "你是一个好助手,请遵照{input}要求,以商务风格做出相应回复,要求语言简练,客观详尽。",
                        }
                    ],
                }
            },
            "evalConfig": {"evalMode": "rule"},
        },
    )
    assert set(resp) == {"requestId", "result"}
    task_id = resp["result"]
    assert task_id.startswith("ame-")
    state = ""
    while state not in {"Successed", "Failed", "Stopped"}:
        time.sleep(0.05)
        state = call("DescribeEvalTask", {"taskId": task_id})["result"]["state"]
    assert state == "Successed"
    (entry,) = call("DescribeEvalTaskReport", {"taskId": task_id})["result"]
    rules = ("accuracy", "f1Score", "rouge_1", "rouge_2", "rouge_l", "bleu4")
    assert all(0 <= entry["effectMetric"][name] <= 1 for name in rules)
    assert entry["effectMetric"]["f1Score"] > 0
    assert call("DeleteEvalTask", {"taskId": task_id})["result"] == {}


def test_the_typed_wrappers_work_whatever_keywords_they_leave_in_the_body(
    caller: Caller, task_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = qianfan.get_config()
    for name in ("CONSOLE_API_BASE_URL", "ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.setattr(config, name, "http://unused.invalid")
    here = {"host": caller.server.url, "ak": caller.access_key, "sk": caller.secret_key}
    made = Eval.V2.create_eval_task("typed", "model", task_body["evalObjectConfig"], task_body["evalConfig"], **here)
    task_id = made["result"]
    listed = Eval.V2.describe_eval_tasks("auto", key_filter="type", max_keys=5, **here)["result"]
    assert [task["taskId"] for task in listed["evalTaskList"]] == [task_id]
    assert caller.wait(task_id)["state"] == "Successed"
    assert Eval.V2.describe_eval_task(task_id, **here)["result"]["description"] == ""
    assert len(Eval.V2.describe_eval_task_report(task_id, **here)["result"]) == 1
    assert Eval.V2.delete_eval_task(task_id, **here)["result"] == {}


def test_a_wrong_secret_raises_in_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qianfan.get_config(), "SECRET_KEY", "wrong")
    with pytest.raises(RequestError) as caught:
        call("DescribeEvalTasks", {"evalType": "auto"})
    assert "403" in str(caught.value)
    assert "SignatureDoesNotMatch" in str(caught.value)
    assert "requestId" in str(caught.value)


def test_a_wrong_argument_raises_in_the_client() -> None:
    with pytest.raises(RequestError, match="InvalidRequestArgumentError"):
        call("CreateEvalTask", {"taskName": "x"})


def test_the_example_runs_as_its_readme_says(caller: Caller) -> None:
    env = {
        **os.environ,
        "QIANFAN_CONSOLE_API_BASE_URL": caller.server.url,
        "QIANFAN_ACCESS_KEY": caller.access_key,
        "QIANFAN_SECRET_KEY": caller.secret_key,
        "DATASET_VERSION_ID": caller.dataset(),
        "MODEL_VERSION_ID": caller.model(),
    }
    done = subprocess.run([sys.executable, EXAMPLE], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "created ame-" in done.stdout
    assert "state Successed" in done.stdout
    assert '"rouge_l"' in done.stdout
