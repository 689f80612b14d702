"""What is refused: HTTP status, the vendor's envelope, the field in the message, and nothing left behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller

Body = dict[str, Any]

OBJECTS = "evalObjectConfig"
MODELS = f"{OBJECTS}.evalModelConfig"
LIST = f"{MODELS}.evalModelConfigList"
PARAMS = f"{LIST}.0.params"
CONFIG = "evalConfig"
RESULTS = {"evalInferDatasetConfigList": [{"inferDatasetId": "ds-nothing"}]}
MODEL = {"modelId": "amv-nothing"}
DELETED = object()


def put(body: Body, path: str, value: object) -> None:
    """Sets or deletes one field; numbers in the path index lists."""
    *steps, last = path.split(".")
    place: Any = body
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if value is DELETED:
        del place[last]
    else:
        place[last] = value


def refused(response: httpx.Response, status: int, code: str) -> str:
    answer = response.json()
    assert (response.status_code, answer.get("code")) == (status, code), answer
    assert set(answer) == {"requestId", "code", "message"}
    assert answer["requestId"]
    assert response.headers["content-type"] == "application/json"
    return answer["message"]


LIMITS: list[tuple[dict[str, Any], str]] = [
    ({"taskName": DELETED}, "taskName: is missing"),
    ({"taskName": "  "}, "taskName"),
    ({"taskName": 7}, "taskName"),
    ({"taskName": "x" * 201}, "taskName"),
    ({"description": "x" * 2001}, "description"),
    ({"description": ["x"]}, "description"),
    ({"evalObjectType": "dataset"}, "evalObjectType"),
    ({"evalObjectType": "inferDataset"}, "evalModelConfig"),
    ({OBJECTS: {}}, "evalModelConfig"),
    ({OBJECTS: DELETED}, "evalObjectConfig: is missing"),
    ({"evalObjectType": "inferDataset", OBJECTS: {}}, "evalInferDatasetConfig"),
    ({f"{OBJECTS}.evalInferDatasetConfig": RESULTS}, "evalInferDatasetConfig"),
    ({f"{OBJECTS}.evalOtherConfig": {}}, "evalOtherConfig"),
    ({LIST: []}, "evalModelConfigList: takes 1 to 5 objects, not 0"),
    ({LIST: [MODEL] * 6}, "evalModelConfigList: takes 1 to 5 objects, not 6"),
    ({LIST: MODEL}, "evalModelConfigList"),
    ({LIST: [{}]}, "modelId"),
    ({LIST: ["amv-1"]}, "evalModelConfigList[0]"),
    ({f"{LIST}.0.modelId": ""}, "modelId"),
    ({f"{LIST}.0.modelId": "builtin:echo"}, "modelId"),
    ({f"{LIST}.0.modelId": "amv-nothing"}, "evalModelConfigList[0].modelId"),
    ({f"{LIST}.0.modelId": "ep-nothing"}, "evalModelConfigList[0].modelId"),
    ({f"{LIST}.0.promptTemplat": "{input}"}, "promptTemplat"),
    ({f"{LIST}.0.promptTemplate": "你是一个好助手,请遵照{input)要求"}, "promptTemplate: must contain {input}"),
    ({f"{LIST}.0.promptTemplate": ""}, "promptTemplate"),
    ({f"{MODELS}.versionId": DELETED}, "versionId"),
    ({f"{MODELS}.versionId": None}, "versionId"),
    ({f"{MODELS}.versionId": "rows.jsonl"}, "versionId"),
    ({f"{MODELS}.versionId": "ds-nothing"}, "versionId"),
    ({f"{MODELS}.storageType": "S3"}, "storageType"),
    ({f"{MODELS}.storageType": "BOS"}, "storagePath: is required"),
    ({f"{MODELS}.storageType": "BOS", f"{MODELS}.storagePath": "bos:/bucket/x"}, "object storage is not configured"),
    ({f"{PARAMS}.temperature": 1.5}, "temperature: must lie in [0.01, 1.00]"),
    ({f"{PARAMS}.temperature": 0.005}, "temperature: must lie in"),
    ({f"{PARAMS}.temperature": 0}, "temperature: must lie in"),
    ({f"{PARAMS}.temperature": 0.123}, "temperature: takes 2 decimal place"),
    ({f"{PARAMS}.temperature": "0.5"}, "temperature"),
    ({f"{PARAMS}.temperature": True}, "temperature"),
    ({f"{PARAMS}.top_p": 0.55}, "top_p: takes 1 decimal place"),
    ({f"{PARAMS}.top_p": 1.1}, "[0].params.top_p: must lie in [0.0, 1.0]"),
    ({f"{PARAMS}.top_p": -0.1}, "top_p: must lie in"),
    ({f"{PARAMS}.penalty_score": 0.9}, "[0].params.penalty_score: must lie in [1.0, 2.0]"),
    ({f"{PARAMS}.penalty_score": 2.1}, "penalty_score: must lie in"),
    ({f"{PARAMS}.penalty_score": 1.25}, "penalty_score: takes 1 decimal"),
    ({f"{PARAMS}.top_k": 0}, "[0].params.top_k: must be a positive integer"),
    ({f"{PARAMS}.top_k": 1.5}, "top_k"),
    ({f"{PARAMS}.stop": "end"}, "stop"),
    ({f"{PARAMS}.stop": [1]}, "stop"),
    ({f"{PARAMS}.system": {}}, "system"),
    ({f"{PARAMS}.disable_search": "true"}, "disable_search"),
    ({f"{PARAMS}.enable_citation": 1}, "enable_citation"),
    ({f"{PARAMS}.max_tokens": 10}, "max_tokens"),
    ({f"{LIST}.0.isBaseline": "true"}, "isBaseline"),
    ({f"{LIST}.0.isBaseline": True}, "isBaseline: needs exactly two objects"),
    ({LIST: [MODEL, MODEL, {**MODEL, "isBaseline": True}]}, "isBaseline: needs exactly two objects"),
    ({LIST: [{**MODEL, "isBaseline": True}] * 2}, "[1].isBaseline: only one object"),
    ({CONFIG: {}}, "evalMode"),
    ({f"{CONFIG}.evalMode": "best"}, "evalMode"),
    ({f"{CONFIG}.evalMode": "model,rule"}, "evalMode"),
    ({f"{CONFIG}.evalMode": "rule,model"}, "autoRuleEvalConfig"),
    ({CONFIG: {"evalMode": "rule,model", "autoRuleEvalConfig": {}}}, "autoModelEvalConfig: is required"),
    (
        {CONFIG: {"evalMode": "rule,model", "autoRuleEvalConfig": {}, "autoModelEvalConfig": {"apiName": "ERNIE-xxx"}}},
        "ERNIE-xxx",
    ),
    ({CONFIG: {"evalMode": "model", "autoModelEvalConfig": {"apiName": "ERNIE-xxx"}}}, "ERNIE-xxx"),
    ({CONFIG: {"evalMode": "model", "autoModelEvalConfig": {}}}, "'ERNIE-Bot'"),
    ({CONFIG: {"evalMode": "model", "autoModelEvalConfig": {"promptParam": {"maxScore": "5"}}}}, "maxScore"),
    ({CONFIG: {"evalMode": "manual"}}, "evalDimension: is required"),
    (
        {CONFIG: {"evalMode": "manual", "manualEvalConfig": {"evalDimension": [{"dimension": d} for d in "abcde"]}}},
        "evalDimension: takes at most 4",
    ),
    (
        {CONFIG: {"evalMode": "manual", "manualEvalConfig": {"evalDimension": [{"dimension": "满意度"}]}}},
        "manual evaluation is not available",
    ),
    ({f"{CONFIG}.autoRuleEvalConfig": {"stopWordList": "的"}}, "stopWordList"),
    ({f"{CONFIG}.autoRuleEvalConfig": {"stopWords": []}}, "stopWords"),
]


@pytest.mark.parametrize(("changes", "said"), LIMITS, ids=[f"{said}-{i}" for i, (_, said) in enumerate(LIMITS)])
def test_a_limit_is_kept(caller: Caller, task_body: Body, changes: Body, said: str) -> None:
    for path, value in changes.items():
        put(task_body, path, value)
    message = refused(caller.post("CreateEvalTask", task_body), 400, "InvalidRequestArgumentError")
    assert said in message
    assert caller.tasks() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"taskName": "x" * 200, "description": None},
        {f"{PARAMS}.temperature": 0.01, f"{PARAMS}.top_p": 0.0, f"{PARAMS}.penalty_score": 1.0},
        {f"{PARAMS}.temperature": 1, f"{PARAMS}.top_p": 1, f"{PARAMS}.penalty_score": 2, f"{PARAMS}.top_k": 1},
        {f"{PARAMS}.temperature": 0.29, f"{PARAMS}.top_p": 0.7, f"{PARAMS}.penalty_score": 1.9},
        {f"{MODELS}.storageType": None, f"{LIST}.0.promptTemplate": None, f"{LIST}.0.params": None},
        {f"{OBJECTS}.evalInferDatasetConfig": None, f"{LIST}.0.isBaseline": None},
        {"ak": "left by the vendor's wrapper", f"{CONFIG}.autoRuleEvalConfig": {"stopWordList": []}},
    ],
)
def test_what_keeps_the_limits_is_accepted(caller: Caller, task_body: Body, changes: Body) -> None:
    for path, value in changes.items():
        put(task_body, path, value)
    assert caller.result("CreateEvalTask", task_body).startswith("ame-")


def test_a_data_set_of_the_wrong_kind_is_refused(caller: Caller, task_body: Body) -> None:
    put(task_body, f"{MODELS}.versionId", caller.dataset(3, "result_set"))
    message = refused(caller.post("CreateEvalTask", task_body), 400, "InvalidRequestArgumentError")
    assert message.startswith("evalObjectConfig.evalModelConfig.versionId:")
    general = {"evalInferDatasetConfigList": [{"inferDatasetId": caller.dataset()}]}
    body = {**task_body, "evalObjectType": "inferDataset", OBJECTS: {"evalInferDatasetConfig": general}}
    message = refused(caller.post("CreateEvalTask", body), 400, "InvalidRequestArgumentError")
    assert "inferDatasetId" in message
    assert caller.tasks() == []


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"7"])
def test_a_body_that_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    refused(caller.post("CreateEvalTask", body), 400, "InvalidRequestArgumentError")


@pytest.mark.parametrize(
    "body", [b"{", b"taskName=x", b'{"taskName": "\xff"}', b'{"taskName": "\\ud800"}', b"[" * 20_000, b"[1e999, ["]
)
def test_a_body_that_is_no_json_is_refused(caller: Caller, body: bytes) -> None:
    refused(caller.post("CreateEvalTask", body), 400, "InappropriateJSON")


@pytest.mark.parametrize("value", ["1e999", "-1e999", "[" * 101 + "]" * 101])
def test_a_value_that_cannot_be_kept_is_named(caller: Caller, task_body: Body, value: str) -> None:
    body = json.dumps({**task_body, "evalConfig": {"evalMode": "rule", "maxScore": "VALUE"}}).replace('"VALUE"', value)
    message = refused(caller.post("CreateEvalTask", body.encode()), 400, "InvalidRequestArgumentError")
    assert message.startswith("evalConfig.maxScore")


def test_a_body_that_is_too_large_is_refused(caller: Caller) -> None:
    refused(caller.post("CreateEvalTask", b" " * (4 * 2**20 + 1)), 413, "InvalidRequestArgumentError")


@pytest.mark.parametrize("action", ["", "createEvalTask", "CreateEvalJob", "__init__"])
def test_an_unknown_action_is_refused(caller: Caller, action: str) -> None:
    message = refused(caller.post(action, {}), 400, "InvalidRequestArgumentError")
    assert message.startswith("Action: ")
    assert "DescribeEvalTaskReport" in message


@pytest.mark.parametrize(
    ("action", "body", "said"),
    [
        ("DescribeEvalTask", {}, "taskId: is missing"),
        ("DescribeEvalTask", {"taskId": 1}, "taskId"),
        ("ModifyEvalTask", {"taskId": "ame-1"}, "description: is missing"),
        ("DescribeEvalTasks", {}, "evalType: is missing"),
        ("DescribeEvalTasks", {"evalType": "all"}, "evalType"),
        ("DescribeEvalTasks", {"evalType": "auto", "maxKeys": 0}, "maxKeys"),
        ("DescribeEvalTasks", {"evalType": "auto", "maxKeys": "10"}, "maxKeys"),
        ("DescribeEvalTasks", {"evalType": "auto", "marker": "ame-中"}, "marker"),
        ("DescribeEvalTasks", {"evalType": "auto", "marker": "bm90aGluZw"}, "marker"),
    ],
)
def test_a_wrong_argument_is_named(caller: Caller, action: str, body: Body, said: str) -> None:
    assert said in refused(caller.post(action, body), 400, "InvalidRequestArgumentError")


def test_a_task_that_is_not_there(caller: Caller) -> None:
    for action in ("DescribeEvalTask", "DescribeEvalTaskReport", "StopEvalTask", "DeleteEvalTask", "ModifyEvalTask"):
        body = {"taskId": "ame-nothing", "description": ""}
        assert "ame-nothing" in refused(caller.post(action, body), 404, "EvalTaskNotFound")


# --- signatures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"signed": ("host", "x-bce-date"), "host": "127.0.0.1", "content_type": "application/json; charset=UTF-8"},
        {"signed": ("x-bce-date", "host", "content-type"), "expires_s": 300},
    ],
    ids=["node", "java", "python"],
)
def test_each_clients_way_of_signing_is_accepted(caller: Caller, how: Body) -> None:
    response = caller.post("DescribeEvalTasks", {"evalType": "auto"}, **how)
    assert response.status_code == 200, response.text
    assert response.json()["result"]["evalTaskList"] == []


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"path": "/v2/dataset"}, "SignatureDoesNotMatch"),
        ({"host": "elsewhere.example"}, "SignatureDoesNotMatch"),
        ({"signed_at": datetime.now(UTC) - timedelta(days=1)}, "RequestExpired"),
        ({"signed_at": datetime.now(UTC) + timedelta(days=1)}, "RequestExpired"),
        ({"signed": ("x-bce-date",)}, "AccessDenied"),
    ],
)
def test_a_bad_signature_is_refused_before_anything_else(caller: Caller, how: Body, code: str) -> None:
    for action in ("DescribeEvalTasks", "NoSuchAction"):
        response = caller.post(action, b"no JSON", **how)
        refused(response, 403, code)
        assert response.headers["X-Bce-Error-Code"] == code


def test_the_action_is_part_of_the_signature(caller: Caller) -> None:
    headers = caller.headers("DescribeEvalTask", b"{}")
    url = f"{caller.server.url}/v2/eval?Action=DeleteEvalTask"
    refused(httpx.post(url, content=b"{}", headers=headers), 403, "SignatureDoesNotMatch")


def test_without_a_signature_or_a_known_key_access_is_denied(new_caller: Callable[[], Caller]) -> None:
    caller = new_caller()
    url = f"{caller.server.url}/v2/eval?Action=DescribeEvalTasks"
    for headers in ({}, {"Authorization": "Bearer sk-1"}):
        refused(httpx.post(url, content=b"{}", headers=headers), 403, "AccessDenied")
    caller.access_key = "no-such-key"
    response = caller.post("DescribeEvalTasks", {})
    assert "Could not find credential" in refused(response, 403, "AccessDenied")
    assert response.headers["X-Bce-Error-Message"] == "NotFound, cause: Could not find credential."
