"""Tasks from creation to deletion, through a real server."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from steelyard.services.evaluations.control import StoredCatalog
from steelyard.services.evaluations.create import compile_plan, new_evaluation
from steelyard.services.evaluations.plan import read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller

Body = dict[str, Any]


def models_of(body: Body) -> list[Body]:
    return body["evalObjectConfig"]["evalModelConfig"]["evalModelConfigList"]


def report_of(caller: Caller, body: Body) -> list[Body]:
    task_id = caller.result("CreateEvalTask", body)
    caller.wait(task_id)
    return caller.result("DescribeEvalTaskReport", {"taskId": task_id})


def test_a_task_from_creation_to_report(caller: Caller, task_body: Body) -> None:
    models_of(task_body)[0]["promptTemplate"] = "reference {input} {x} {{y}}"
    task_id = caller.result("CreateEvalTask", task_body)
    assert task_id.startswith("ame-")
    task = caller.wait(task_id)
    model_id = models_of(task_body)[0]["modelId"]
    assert task["state"] == "Successed"
    assert task["taskId"] == task_id
    assert task["taskName"] == "管控API评估测试"
    assert task["description"] == "测试"
    assert task["evalType"] == "auto"
    assert task["evalObjectType"] == "model"
    assert task["evalObjectConfig"] == task_body["evalObjectConfig"]
    assert task["evalConfig"] == task_body["evalConfig"]
    assert len(task["createTime"]) == len(task["finishTime"]) == len("2025-01-01 00:00:00")
    assert task["createTime"] <= task["finishTime"]
    (unit,) = task["evalUnits"]
    assert unit["evalUnitId"].startswith("ameu-")
    assert unit["modelId"] == model_id
    assert unit["counts"] == {"total": 6, "answered": 6, "failed": 0, "scored": 6}
    (entry,) = caller.result("DescribeEvalTaskReport", {"taskId": task_id})
    assert (entry["taskId"], entry["modelId"], entry["modelName"]) == (task_id, model_id, "echo")
    assert (entry["inferDatasetId"], entry["evalMode"], entry["evalUnitId"]) == ("", "rule", unit["evalUnitId"])
    effect = entry["effectMetric"]
    # Sent: "reference question i {x} {{y}}", every brace but {input}'s as it stands; expected: "reference i".
    assert effect["accuracy"] == 0
    assert effect["f1Score"] == pytest.approx(2 * 2 / (5 + 2))
    assert effect["rouge_1"] == pytest.approx(2 * 2 / (5 + 2))
    assert effect["rouge_2"] == 0
    assert effect["rouge_l"] == pytest.approx(2 * 2 / (5 + 2))
    assert 0 < effect["bleu4"] < 1
    unmeasured = ("avgJudgeScore", "stdJudgeScore", "medianJudgeScore", "manualAvgScore", "goodCaseProportion")
    assert [effect[name] for name in unmeasured] == [0] * 5
    assert effect["scoreDistribution"] is effect["manualScoreDistribution"] is None
    metrics = {metric["name"]: metric for metric in entry["metrics"]}
    assert metrics["rouge_l"]["n"] == 6
    assert metrics["accuracy"]["interval"][0] == pytest.approx(0)
    sent = next(iter(caller.server.platform.results.answers(task_id))).prompt
    assert sent.startswith("reference question ")
    assert sent.endswith(" {x} {{y}}")


def test_stop_words_and_parameters_reach_the_plan(caller: Caller, task_body: Body) -> None:
    config = {"evalMode": "rule", "autoRuleEvalConfig": {"stopWordList": ["question", "reference", " "]}}
    task_body["evalConfig"] = config
    params = {"temperature": 0.01, "top_p": 0.7, "penalty_score": 1.5, "top_k": 3, "stop": ["\n"], "system": "简短"}
    models_of(task_body)[0]["params"] = {**params, "disable_search": True, "enable_citation": None}
    task_id = caller.result("CreateEvalTask", task_body)
    caller.wait(task_id)
    (entry,) = caller.result("DescribeEvalTaskReport", {"taskId": task_id})
    # Without the two words, "question i" and "reference i" are the same.
    assert entry["effectMetric"]["accuracy"] == 1
    evaluation = caller.server.platform.repositories.evaluations.get(caller.workspace_id, task_id)
    (target,) = evaluation.spec.objects
    assert target.system == "简短"
    del params["system"]
    assert target.params == {**params, "disable_search": True}
    assert all(scorer.options["stop_words"] == ["question", "reference"] for scorer in evaluation.spec.scorers)


def test_a_baseline_gives_the_paired_difference_of_the_other_object(caller: Caller, task_body: Body) -> None:
    body = copy.deepcopy(task_body)
    model_id = models_of(body)[0]["modelId"]
    models_of(body)[:] = [
        {"modelId": model_id, "isBaseline": True},
        {"modelId": model_id, "promptTemplate": "reference {input}", "isBaseline": False},
    ]
    baseline, candidate = report_of(caller, body)
    assert [baseline["modelName"], candidate["modelName"]] == ["echo", "echo (2)"]
    assert [baseline["isBaseline"], candidate["isBaseline"]] == [True, False]
    assert baseline["baselineDifference"] == []
    difference = {one["metric"]: one for one in candidate["baselineDifference"]}["rouge_1"]
    gain = candidate["effectMetric"]["rouge_1"] - baseline["effectMetric"]["rouge_1"]
    assert gain > 0
    assert difference["difference"] == pytest.approx(gain)
    assert (difference["n"], difference["better"], difference["worse"]) == (6, 6, 0)


def test_result_sets_are_evaluated_as_they_are(caller: Caller) -> None:
    first, second = caller.dataset(6, "result_set"), caller.dataset(9, "result_set")
    body = {
        "taskName": "results",
        "evalObjectType": "inferDataset",
        "evalObjectConfig": {
            "evalInferDatasetConfig": {
                "evalInferDatasetConfigList": [{"inferDatasetId": first}, {"inferDatasetId": second}]
            }
        },
        "evalConfig": {"evalMode": "rule"},
    }
    entries = report_of(caller, body)
    assert [entry["inferDatasetId"] for entry in entries] == [first, second]
    assert {entry["modelId"] for entry in entries} == {""}
    # The references are "answer i", the answers "reference i % 3".
    assert [entry["metrics"][0]["n"] for entry in entries] == [6, 9]
    found = caller.result("DescribeEvalTasks", {"evalType": "auto", "keyFilter": second})["evalTaskList"]
    assert [task["evalObjectType"] for task in found] == ["inferDataset"]


def test_failed_requests_make_the_task_failed_and_are_counted_as_no_score(caller: Caller, task_body: Body) -> None:
    flaky = caller.model("builtin:scripted?malformed=0.5&fail_attempts=0", "flaky")
    task_body["evalObjectConfig"]["evalModelConfig"] |= {
        "versionId": caller.dataset(40),
        "evalModelConfigList": [{"modelId": flaky}],
    }
    task_id = caller.result("CreateEvalTask", task_body)
    task = caller.wait(task_id)
    assert task["state"] == "Failed"
    failed = task["evalUnits"][0]["counts"]["failed"]
    assert 0 < failed < 40
    (entry,) = caller.result("DescribeEvalTaskReport", {"taskId": task_id})
    assert entry["effectMetric"]["f1Score"] == pytest.approx(0.5)
    f1 = next(metric for metric in entry["metrics"] if metric["name"] == "token_f1")
    assert (f1["n"], f1["nUnscored"]) == (40 - failed, failed)


def test_without_any_score_a_metric_is_null(caller: Caller, task_body: Body) -> None:
    models_of(task_body)[0]["modelId"] = caller.model("builtin:scripted?malformed=1&fail_attempts=0", "broken")
    (entry,) = report_of(caller, task_body)
    assert entry["effectMetric"]["accuracy"] is None


def test_stop_then_describe_modify_and_delete(caller: Caller, task_body: Body) -> None:
    models_of(task_body)[0]["modelId"] = caller.model("builtin:scripted?latency_ms=60000", "slow")
    task_id = caller.result("CreateEvalTask", task_body)
    one = {"taskId": task_id}
    for action, body in (("DescribeEvalTaskReport", one), ("ModifyEvalTask", {**one, "description": "x"})):
        early = caller.post(action, body)
        assert (early.status_code, early.json()["code"]) == (409, "EvalTaskNotFinished")
    running = caller.post("DeleteEvalTask", one)
    assert (running.status_code, running.json()["code"]) == (409, "EvalTaskRunning")
    assert caller.result("StopEvalTask", one) == {}
    assert caller.wait(task_id)["state"] == "Stopped"
    assert caller.result("StopEvalTask", one) == {}
    assert len(caller.result("DescribeEvalTaskReport", one)) == 1
    for name in ("description", "describtion"):
        assert caller.result("ModifyEvalTask", {**one, name: f"by {name}"}) == {}
        assert caller.result("DescribeEvalTask", one)["description"] == f"by {name}"
    assert caller.result("DeleteEvalTask", one) == {}
    for action in ("DescribeEvalTask", "DescribeEvalTaskReport", "StopEvalTask", "DeleteEvalTask"):
        gone = caller.post(action, one)
        assert (gone.status_code, gone.json()["code"]) == (404, "EvalTaskNotFound")
    assert caller.tasks() == []


def test_tasks_are_listed_by_page_in_either_order_and_filtered(caller: Caller, task_body: Body) -> None:
    ids = [caller.result("CreateEvalTask", {**task_body, "taskName": f"Task {i}"}) for i in range(5)]

    def page(**asked: Any) -> tuple[list[str], Body]:
        found = caller.result("DescribeEvalTasks", {"evalType": "auto", **asked})
        return [task["taskId"] for task in found["evalTaskList"]], found["pageInfo"]

    everything, info = page()
    assert set(everything) == set(ids)
    assert info == {"marker": "", "maxKeys": 10, "isTruncated": False}
    for reverse in (False, True):
        walked: list[str] = []
        marker: dict[str, str] = {}
        while True:
            found, info = page(maxKeys=2, pageReverse=reverse, **marker)
            walked += found
            if not info["isTruncated"]:
                break
            marker = {"marker": info["nextMarker"]}
        assert walked == (everything[::-1] if reverse else everything)
        assert "nextMarker" not in info
    assert page(maxKeys=1000)[1]["maxKeys"] == 100
    assert page(keyFilter="task 3")[0] == [ids[3]]
    assert page(keyFilter=ids[2][4:])[0] == [ids[2]]
    model_id = models_of(task_body)[0]["modelId"]
    assert set(page(keyFilter=model_id)[0]) == set(ids)
    assert page(keyFilter=model_id[:-1])[0] == []
    assert caller.result("DescribeEvalTasks", {"evalType": "manual"})["evalTaskList"] == []


@pytest.mark.parametrize(
    "label", ["", "no request", '{"evalObjectType":"model","evalObjectConfig":{},"evalConfig":{}}']
)
def test_an_evaluation_from_another_door_is_shown_too(caller: Caller, label: str) -> None:
    platform, model_id, version_id = caller.server.platform, caller.model(), caller.dataset()
    plan = {
        "name": "native",
        "dataset": version_id,
        "objects": [{"endpoint": model_id}],
        "scorers": ["prefix"],
        "labels": {"qianfan": label} if label else {},
    }
    draft = compile_plan(read_plan(plan), StoredCatalog(platform, caller.workspace_id))
    evaluation = new_evaluation(draft, workspace_id=caller.workspace_id, created_by="tester", now=platform.now())
    platform.repositories.evaluations.add(evaluation)
    assert [task["taskName"] for task in caller.tasks()] == ["native"]
    task = caller.result("DescribeEvalTask", {"taskId": evaluation.id})
    assert task["evalObjectConfig"]["evalModelConfig"]["versionId"] == version_id
    assert task["evalUnits"][0]["modelId"] == model_id
    caller.result("StopEvalTask", {"taskId": evaluation.id})


def test_no_workspace_sees_the_tasks_of_another(
    new_caller: Callable[[], Caller], caller: Caller, task_body: Body
) -> None:
    task_id = caller.result("CreateEvalTask", task_body)
    other = new_caller()
    assert other.tasks() == []
    assert other.post("DescribeEvalTask", {"taskId": task_id}).status_code == 404
    theirs = other.post("CreateEvalTask", task_body)
    assert theirs.status_code == 400
    assert "modelId" in theirs.json()["message"]
