"""What the native face says when it refuses: one shape of problem, a stable code, and a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.http.serving import KEY, Server, plan, running_server, sums

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = {"type", "title", "status", "detail", "code", "hint", "where", "request_id"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("errors")) as running:
        yield running


@pytest.fixture(scope="module")
def dataset(server: Server) -> str:
    return server.upload(sums(3))["version_id"]


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= OWN
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "missing_credentials"), ("Bearer sk-unknown", "bad_credentials"), ("Basic abc", "bad_credentials")],
)
def test_a_caller_without_a_good_key_is_refused(server: Server, header: str | None, code: str) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as anyone:
        headers = {"Authorization": header} if header else {}
        for method, path in (("GET", "/me"), ("GET", "/evaluations/ame-x/events"), ("POST", "/datasets")):
            response = anyone.request(method, "/api/v1" + path, headers=headers)
            assert problem(response, 401, code)["hint"]
            assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("change", "status", "code", "part"),
    [
        ({"objects": []}, 422, "invalid_input", "objects"),
        ({"nonsense": 1}, 422, "invalid_input", "nonsense"),
        ({"repeats": "many"}, 422, "invalid_input", "repeats"),
        ({"dataset": None}, 400, "bad_plan", "dataset"),
        ({"dataset": "rows.jsonl"}, 400, "bad_reference", "dataset"),
        ({"dataset": "ds-nothere0"}, 404, "dataset_not_found", "ds-nothere0"),
        ({"scorers": ["nonsense"]}, 400, "unknown_scorer", "nonsense"),
        ({"objects": [{"endpoint": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}}]}, 400, "bad_reference", "endpoint"),
        ({"objects": [{"endpoint": "ep-nothere0"}]}, 404, "endpoint_not_found", "ep-nothere0"),
        ({"objects": [{"endpoint": "builtin:echo", "params": {"temperature": 9}}]}, 400, None, "temperature"),
        ({"objects": [{"endpoint": "builtin:echo", "label": "a"}] * 2}, 400, "twin_labels", "objects"),
        ({"objects": [{"endpoint": "builtin:echo", "label": str(i)} for i in range(6)]}, 400, "too_many_objects", "objects"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused_where_it_is_wrong(
    server: Server, dataset: str, change: dict[str, Any], status: int, code: str | None, part: str
) -> None:
    response = server.client.post("/evaluations", json={**plan(dataset, "builtin:echo"), **change})
    said = problem(response, status, code or response.json()["code"])
    assert part in said["where"] + said["detail"]
    if status == 422:
        assert any(part in map(str, error["loc"]) and error["msg"] for error in said["errors"])
    assert server.get("/evaluations")["items"] == []


def test_a_result_set_is_no_data_set(server: Server, dataset: str) -> None:
    body = {"objects": [{"label": "x", "results": dataset}], "scorers": ["exact"]}
    problem(server.client.post("/evaluations", json=body), 400, "wrong_kind")


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    response = server.client.post("/evaluations", content=b"{no", headers={"Content-Type": "application/json"})
    assert "JSON" in problem(response, 422, "invalid_input")["detail"]


def test_a_wrong_value_is_never_echoed(server: Server) -> None:
    body = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": {"oops": "sk-secret"}}
    response = server.client.post("/endpoints", json=body)
    problem(response, 422, "invalid_input")
    assert "sk-secret" not in response.text


@pytest.mark.parametrize("base_url", ["ftp://x/v1", "nonsense", "http://user:pw@host/v1", "builtin:nonsense"])
def test_an_address_that_cannot_be_used_is_refused(server: Server, base_url: str) -> None:
    response = server.client.post("/endpoints", json={"base_url": base_url, "model": "m"})
    assert response.status_code == 400
    assert problem(response, 400, response.json()["code"])["hint"]
    assert "pw" not in response.text
    assert server.get("/endpoints")["items"] == []


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(server: Server, declared: bool) -> None:
    size = (10 << 20) + 1
    content = b'"' + b"x" * size + b'"' if declared else (b"x" * (1 << 20) for _ in range(11))
    response = server.client.post("/evaluations", content=content, headers={"Content-Type": "application/json"})  # type: ignore[arg-type]
    problem(response, 413, "too_large")
    assert server.get("/me")["user"] == "root"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=file; filename=f.jsonl\r\n\r\n{"),
        ("multipart/form-data; boundary=b", b"nonsense"),
    ],
)  # fmt: skip
def test_a_broken_upload_is_refused(server: Server, content_type: str, body: bytes) -> None:
    response = server.client.post("/datasets", content=body, headers={"Content-Type": content_type})
    problem(response, 400, "bad_upload")
    assert list((server.log.parent / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "files", "code"),
    [
        ({"kind": "nonsense"}, {"file": ("r.jsonl", b'{"input": "a"}\n')}, None),
        ({"format": "nonsense"}, {"file": ("r.jsonl", b'{"input": "a"}\n')}, "unknown_format"),
        ({"mapping": "[1]"}, {"file": ("r.jsonl", b'{"input": "a"}\n')}, "invalid_input"),
        ({"nonsense": "1"}, {"file": ("r.jsonl", b'{"input": "a"}\n')}, "invalid_input"),
        ({"on_bad_rows": "maybe"}, {"file": ("r.jsonl", b'{"input": "a"}\n')}, "unknown_choice"),
        ({}, {"file": ("r.jsonl", b"")}, "empty_file"),
        ({}, {"file": ("r.unknown", b"abc")}, "unknown_format"),
        ({}, {"other": ("r.jsonl", b"abc")}, None),
    ],
)
def test_a_wrong_form_is_refused(
    server: Server, fields: dict[str, str], files: dict[str, Any], code: str | None
) -> None:
    response = server.client.post("/datasets", data=fields, files=files)
    assert response.status_code == 400, response.text
    problem(response, 400, code or response.json()["code"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/evaluations/ame-nothere00", 404, "evaluation_not_found"),
        ("GET", "/evaluations/ame-nothere00/report", 404, "evaluation_not_found"),
        ("GET", "/evaluations/ame-nothere00/events", 404, "evaluation_not_found"),
        ("POST", "/evaluations/ame-nothere00/stop", 404, "evaluation_not_found"),
        ("DELETE", "/evaluations/ame-nothere00", 404, "evaluation_not_found"),
        ("GET", "/endpoints/ep-nothere00", 404, "endpoint_not_found"),
        ("GET", "/datasets/dg-nothere00", 404, "dataset_not_found"),
        ("DELETE", "/api-keys/ak-nothere00", 404, "key_not_found"),
        ("GET", "/nonsense", 404, "not_found"),
        ("PUT", "/evaluations", 405, "method_not_allowed"),
        ("GET", "/evaluations?limit=0", 422, "invalid_input"),
        ("GET", "/evaluations?state=nonsense", 422, "invalid_input"),
        ("GET", "/evaluations?cursor=nonsense", 400, "bad_cursor"),
        ("GET", "/datasets?limit=5000", 422, "invalid_input"),
    ],
)
def test_what_is_not_there_is_said_so(server: Server, method: str, path: str, status: int, code: str) -> None:
    problem(server.client.request(method, path), status, code)


def test_bad_questions_about_an_evaluation_are_refused(server: Server, dataset: str) -> None:
    path = f"/evaluations/{server.wait(server.post('/evaluations', plan(dataset, 'builtin:echo'))['id'])['id']}"
    problem(server.client.get(path + "/report", params={"format": "docx"}), 422, "invalid_input")
    problem(server.client.get(path + "/samples", params={"unit": "nobody"}), 400, "invalid_input")
    problem(server.client.get(path + "/samples", params={"cursor": "nonsense"}), 400, "invalid_input")
    one = path.rpartition("/")[2]
    problem(server.client.post("/comparisons", json={"evaluations": [one]}), 422, "invalid_input")
    problem(server.client.post("/comparisons", json={"evaluations": [one, one]}), 400, "invalid_input")
    problem(server.client.get(f"/datasets/{dataset}/rows", params={"cursor": "-1"}), 400, "bad_cursor")
    assert server.client.delete(path).status_code == 204


def test_another_workspace_sees_nothing(server: Server, dataset: str) -> None:
    from steelyard.adapters.store.sql.repositories import open_repositories
    from steelyard.services.access import create_key

    database = open_repositories(f"sqlite:///{server.log.parent / 'steelyard.db'}", b"any")
    key = create_key(database, "ws-other", "them", kind="api").key
    database.close()
    theirs = {"Authorization": f"Bearer {key}"}
    assert server.client.get("/datasets", headers=theirs).json()["items"] == []
    problem(server.client.get(f"/datasets/{dataset}", headers=theirs), 404, "dataset_not_found")
    problem(server.client.get(f"/datasets/{dataset}/rows", headers=theirs), 404, "dataset_not_found")
    body = plan(dataset, "builtin:echo")
    problem(server.client.post("/evaluations", json=body, headers=theirs), 404, "dataset_not_found")
    assert server.client.get("/me", headers={"Authorization": f"bearer {KEY}"}).status_code == 200
