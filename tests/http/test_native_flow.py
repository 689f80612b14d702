"""The native face from upload to report, over a real server and a real endpoint."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import httpx
import openpyxl
import pytest
from tests.http.serving import KEY, Server, plan, running_server, sums
from tests.support.endpoint import Endpoint, running_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint(answer="sum", latency_ms=5, accuracy=0.8) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("native")) as running:
        yield running


@pytest.fixture(scope="module")
def finished(server: Server, endpoint: Endpoint) -> dict[str, Any]:
    """An evaluation that has ended, with what created it."""
    dataset = server.upload(sums(60), name="数据 rows.jsonl", kind="general")
    ep = server.endpoint(endpoint.base_url, price={"input_per_1m": 1.5, "output_per_1m": 2, "currency": "USD"})
    created = server.post("/evaluations", plan(dataset["version_id"], ep, labels={"team": "a"}))
    events = read_events(server, created["id"])
    return {"dataset": dataset, "endpoint": ep, "created": created, "events": events, "id": created["id"]}


def read_events(server: Server, evaluation_id: str) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    with server.client.stream("GET", f"/evaluations/{evaluation_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for block in "".join(response.iter_text()).split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if lines:
                events.append((lines["event"], json.loads(lines["data"])))
    return events


def test_an_upload_says_what_it_holds(finished: dict[str, Any]) -> None:
    dataset = finished["dataset"]
    assert dataset["id"].startswith("dg-")
    assert dataset["version_id"].startswith("ds-")
    assert (dataset["row_count"], dataset["rejected"], dataset["rejected_count"]) == (60, [], 0)
    assert (dataset["name"], dataset["source"], dataset["kind"]) == ("数据 rows", "数据 rows.jsonl", "general")


def test_a_created_evaluation_is_queued_and_ends_succeeded(server: Server, finished: dict[str, Any]) -> None:
    created = finished["created"]
    assert created["id"].startswith("ame-")
    assert (created["state"], created["progress"], created["warnings"]) == ("queued", 0.0, [])
    evaluation = server.get(f"/evaluations/{finished['id']}")
    assert (evaluation["state"], evaluation["progress"]) == ("succeeded", 1.0)
    assert (evaluation["error"], evaluation["stop_reason"]) == (None, None)
    (unit,) = evaluation["units"]
    assert unit["id"].startswith("ameu-")
    assert (unit["label"], unit["state"]) == ("m0", "succeeded")
    assert unit["counts"] == {"total": 60, "answered": 60, "failed": 0, "scored": 60}
    assert evaluation["usage"]["prompt_tokens"] > 0
    assert evaluation["labels"] == {"team": "a"}


def test_events_end_with_the_final_state(finished: dict[str, Any]) -> None:
    kinds = [kind for kind, _ in finished["events"]]
    assert kinds[-1] == "end"
    assert set(kinds[:-1]) == {"progress"}
    assert finished["events"][-1][1]["state"] == "succeeded"


def test_the_report_comes_in_every_format(server: Server, finished: dict[str, Any]) -> None:
    path = f"/evaluations/{finished['id']}/report"
    report = server.get(path)
    (unit,) = report["units"]
    assert unit["dataset_version_id"] == finished["dataset"]["version_id"]
    (metric,) = unit["metrics"]
    assert metric["n"] == 60
    assert metric["n_unscored"] == 0
    assert metric["interval"][0] <= metric["value"] <= metric["interval"][1]
    assert unit["currency"] == "USD"
    for name, start in (("html", "<!doctype html>"), ("csv", ""), ("md", "#"), ("text", "")):
        response = server.client.get(path, params={"format": name, "lang": "zh"})
        assert response.status_code == 200
        assert response.text.lower().lstrip("\ufeff").startswith(start)
        assert "m0" in response.text
    book = openpyxl.load_workbook(io.BytesIO(server.client.get(path, params={"format": "xlsx"}).content))
    assert book.sheetnames


def test_samples_page_through_every_row_once(server: Server, finished: dict[str, Any]) -> None:
    path, seen, cursor = f"/evaluations/{finished['id']}/samples", [], None
    while True:
        page = server.get(path, limit=25, **({"cursor": cursor} if cursor else {}))
        seen += [s["row_id"] for s in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"r{i}" for i in range(60)]


def test_samples_filters_narrow(server: Server, finished: dict[str, Any]) -> None:
    path = f"/evaluations/{finished['id']}/samples"
    everything = server.get(path, limit=1000)["items"]
    wrong = server.get(path, below=0.5, metric=everything[0]["scores"][0]["metric"], limit=1000)["items"]
    right = server.get(path, above=0.5, limit=1000)["items"]
    assert 0 < len(wrong) < 60
    assert len(wrong) + len(right) == 60
    assert all(s["scores"][0]["value"] == 0 for s in wrong)
    assert {s["category"] for s in server.get(path, category="even")["items"]} == {"even"}
    assert [s["row_id"] for s in server.get(path, text="WHAT IS 41 +")["items"]] == ["r41"]
    assert server.get(path, failed=True)["items"] == []
    assert len(server.get(path, unit="m0", failed=False, limit=7)["items"]) == 7


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    server: Server, finished: dict[str, Any], endpoint: Endpoint
) -> None:
    before = server.get("/evaluations", limit=1000)["items"], endpoint.stats()["total"]
    body = plan(
        finished["dataset"]["version_id"],
        finished["endpoint"],
        limit=10,
        repeats=3,
    )
    body["objects"][0]["params"] = {"temperature": 0.5, "top_p": 0.5}
    answer = server.client.post("/evaluations?dry_run=true", json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert said["requests"] == 30
    assert [(u["label"], u["rows"], u["requests"]) for u in said["units"]] == [("m0", 10, 30)]
    assert "temperature" in said["warnings"][0]
    assert (server.get("/evaluations", limit=1000)["items"], endpoint.stats()["total"]) == before
    refused = server.client.post("/evaluations?dry_run=true", json={**body, "scorers": []})
    assert refused.status_code == 400


def test_result_sets_are_scored_without_a_request(server: Server, endpoint: Endpoint) -> None:
    rows = [{**row, "prediction": row["reference"] if i else "?"} for i, row in enumerate(sums(10))]
    dataset = server.upload(rows, kind="result_set")
    before = endpoint.stats()["total"]
    body = {"objects": [{"label": "old", "results": dataset["version_id"]}], "scorers": ["exact"]}
    assert server.client.post("/evaluations?dry_run=1", json=body).json()["requests"] == 0
    evaluation = server.wait(server.post("/evaluations", body)["id"])
    assert evaluation["state"] == "succeeded"
    report = server.get(f"/evaluations/{evaluation['id']}/report")
    assert report["units"][0]["metrics"][0]["value"] == pytest.approx(0.9)
    assert endpoint.stats()["total"] == before


def test_two_evaluations_are_compared(server: Server, finished: dict[str, Any]) -> None:
    body = plan(finished["dataset"]["version_id"], "builtin:majority", name="floor")
    body["objects"][0]["params"] = {"temperature": 0.5, "top_p": 0.5}
    created = server.post("/evaluations", body)
    assert len(created["warnings"]) == 1
    other = server.wait(created["id"])
    found = server.post("/comparisons", {"evaluations": [finished["id"], other["id"]]}, 200)
    (difference,) = found["differences"]
    assert difference["n"] == 60
    assert difference["difference"] > 0


def test_lists_page_filter_and_search(server: Server, finished: dict[str, Any]) -> None:
    for i in range(3):
        server.post("/evaluations", plan(finished["dataset"]["version_id"], "builtin:echo", name=f"listed-{i}"))
    first = server.get("/evaluations", search="listed", limit=2)
    second = server.get("/evaluations", search="listed", limit=2, cursor=first["next_cursor"])
    assert [e["name"] for e in first["items"] + second["items"]] == ["listed-2", "listed-1", "listed-0"]
    assert second["next_cursor"] is None
    for evaluation in first["items"] + second["items"]:
        server.wait(evaluation["id"])
    assert server.get("/evaluations", search="listed", state="failed")["items"] == []
    assert len(server.get("/evaluations", search="listed", state=["failed", "succeeded"])["items"]) == 3
    assert server.client.delete(f"/evaluations/{first['items'][0]['id']}").status_code == 204
    assert server.client.get(f"/evaluations/{first['items'][0]['id']}").status_code == 404


def test_rows_come_back_in_order(server: Server, finished: dict[str, Any]) -> None:
    path = f"/datasets/{finished['dataset']['id']}"
    assert server.get(path)["row_count"] == 60
    first = server.get(path + "/rows", limit=40)
    second = server.get(path + "/rows", limit=40, cursor=first["next_cursor"])
    assert [row["id"] for row in first["items"] + second["items"]] == [f"r{i}" for i in range(60)]
    assert second["next_cursor"] is None
    assert first["items"][0]["turns"] == [{"input": "What is 0 + 1?", "references": ["1"], "answer": None}]


def test_bad_rows_are_dropped_or_refused_with_their_lines(server: Server) -> None:
    file = b'{"input": "one?", "reference": "1"}\n{"reference": "2"}\nnot json\n'
    kept = server.upload(file, on_bad_rows="drop")
    assert (kept["row_count"], kept["rejected_count"]) == (1, 2)
    assert [r["line"] for r in kept["rejected"]] == [2, 3]
    refused = server.client.post("/datasets", files={"file": ("rows.jsonl", file)})
    assert refused.status_code == 422
    problem = refused.json()
    assert problem["code"] == "bad_rows"
    assert [p["line"] for p in problem["problems"]] == [2, 3]
    assert problem["problem_count"] == 2


def test_a_mapping_names_the_columns(server: Server) -> None:
    mapping = json.dumps({"input": "问", "reference": "答"}, ensure_ascii=False)
    dataset = server.upload("问,答\n一加一?,2\n".encode(), name="t.csv", mapping=mapping)
    assert dataset["row_count"] == 1


def test_a_data_set_in_use_is_kept_and_its_rows_outlive_it(server: Server) -> None:
    with running_endpoint(answer="sum", latency_ms=60_000) as slow:
        dataset = server.upload(sums(5, start=900))
        running = server.post("/evaluations", plan(dataset["version_id"], server.endpoint(slow.base_url)))
        refused = server.client.delete(f"/datasets/{dataset['id']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")
        server.wait(running["id"], lambda e: e["state"] == "inferring")
        server.post(f"/evaluations/{running['id']}/stop", status=200)
        server.wait(running["id"])
    assert server.client.delete(f"/datasets/{dataset['id']}").status_code == 204
    assert server.client.get(f"/datasets/{dataset['id']}").status_code == 404
    assert server.get(f"/evaluations/{running['id']}/report")["units"][0]["rows"] == 5
    again = server.upload(sums(5, start=900))
    assert again["version_id"] == dataset["version_id"]
    assert again["id"] != dataset["id"]


def test_an_endpoint_is_tested_without_a_completion(server: Server) -> None:
    with running_endpoint(key="sk-model-secret") as locked:
        good = server.endpoint(locked.base_url, api_key="sk-model-secret")
        bad = server.endpoint(locked.base_url, api_key="sk-wrong")
        assert server.post(f"/endpoints/{good}/test", status=200) == {
            "reachable": True,
            "reason": None,
            "message": None,
        }
        said = server.post(f"/endpoints/{bad}/test", status=200)
        assert (said["reachable"], said["reason"]) == (False, "unauthorized")
        assert locked.stats()["total"] == 0


def test_a_model_key_is_never_shown(server: Server) -> None:
    secret = "sk-never-shown-anywhere"
    created = server.client.post(
        "/endpoints",
        json={"name": "k", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": secret},
        headers={"Idempotency-Key": "hidden"},
    )
    record = created.json()
    assert record["has_api_key"] is True
    assert record["model_version_id"].startswith("amv-")
    texts = [created.text, server.client.get(f"/endpoints/{record['id']}").text, server.client.get("/endpoints").text]
    texts.append(server.log.read_text())
    texts += [path.read_bytes().decode("latin-1") for path in server.log.parent.glob("steelyard.db*")]
    assert not any(secret in text for text in texts)
    assert server.get(f"/endpoints/{record['model_version_id']}")["id"] == record["id"]
    assert server.client.delete(f"/endpoints/{record['id']}").status_code == 204
    assert server.client.get(f"/endpoints/{record['id']}").status_code == 404


def test_the_same_idempotency_key_gives_the_same_answer(server: Server, finished: dict[str, Any]) -> None:
    creates: list[tuple[str, dict[str, Any]]] = [
        ("/endpoints", {"name": "a", "base_url": "builtin:echo"}),
        ("/evaluations", plan(finished["dataset"]["version_id"], "builtin:echo", name="once")),
        ("/api-keys", {"name": "once"}),
        ("/access-keys", {"name": "once"}),
    ]
    for i, (path, body) in enumerate(creates):
        key = {"Idempotency-Key": f"key-{i}"}
        first, second = server.post(path, body, 201, **key), server.client.post(path, json=body, headers=key)
        assert second.json() == first
        assert second.headers["idempotent-replayed"] == "true"
        other = server.client.post(path, json={**body, "name": "other"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(server.get("/evaluations", search="once")["items"]) == 1
    assert [k["name"] for k in server.get("/api-keys")["items"]].count("once") == 1


def test_a_repeated_upload_gives_the_same_answer(server: Server) -> None:
    def send(rows: bytes) -> httpx.Response:
        files = {"file": ("r.jsonl", rows)}
        return server.client.post("/datasets", files=files, headers={"Idempotency-Key": "upload"})

    file = b'{"input": "again?", "reference": "yes"}\n'
    assert send(file).json() == send(file).json()
    assert send(file + file).status_code == 409


def test_new_keys_work_until_they_are_revoked(server: Server) -> None:
    made = server.post("/api-keys", {"name": "ci"})
    own = {"Authorization": f"Bearer {made['key']}"}
    assert server.client.get("/me", headers=own).json()["key_id"] == made["id"]
    assert made["key"] not in server.client.get("/api-keys").text
    assert server.client.delete(f"/access-keys/{made['id']}").status_code == 404
    assert server.client.delete(f"/api-keys/{made['id']}").status_code == 204
    refused = server.client.get("/me", headers=own)
    assert (refused.status_code, refused.json()["code"]) == (401, "revoked")
    access = server.post("/access-keys", {})
    listed = server.client.get("/access-keys")
    assert access["access_key"] in listed.text
    assert access["secret_key"] not in listed.text


def test_operations_answer_without_a_key(server: Server, finished: dict[str, Any]) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as anyone:
        assert anyone.get("/healthz").status_code == 200
        assert anyone.get("/readyz").status_code == 200
        home = anyone.get("/").text
        assert "/api/v1/openapi.json" in home
        assert "杆秤" in home
        metrics = anyone.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert int(values['steelyard_evaluations{state="succeeded"}']) >= 1
    assert int(values['steelyard_requests{outcome="answered"}']) >= 60


def test_each_request_is_logged_with_its_id_and_no_credential(server: Server) -> None:
    answer = server.client.get("/me?token=in-the-query", headers={"X-Request-Id": "mine-42"})
    assert answer.headers["x-request-id"] == "mine-42"
    generated = server.client.get("/me", headers={"X-Request-Id": "no good"}).headers["x-request-id"]
    assert len(generated) >= 16
    log = server.log.read_text()
    line = next(line for line in log.splitlines() if '"mine-42"' in line)
    record = json.loads(line[line.index("{") :])
    assert (record["method"], record["path"], record["status"]) == ("GET", "/api/v1/me", 200)
    assert KEY not in log
    assert "in-the-query" not in log
