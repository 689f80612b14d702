"""Bodies made to break the server, records that were damaged, things taken away while they are needed."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.http.serving import Server, plan, running_server, sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture(scope="module")
def dataset(server: Server) -> str:
    return server.upload(sums(3))["version_id"]


def send(server: Server, path: str, body: str) -> httpx.Response:
    return server.client.post(path, content=body.encode(), headers={"Content-Type": "application/json"})


DEEP = '{"a":' * 101 + "1" + "}" * 101
PARAMS = '{"objects": [{"endpoint": "builtin:echo", "params": PARAMS}]}'


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ('{"allow_failed": NaN}', "allow_failed"),
        ('{"seed": 1e999}', "seed"),
        ('{"datasets": [{"ref": "ds-x", "weight": 1e999}], "dataset": null}', "weight"),
        ('{"limits": {"max_cost": {"amount": 1e999}}}', "amount"),
        (PARAMS.replace("PARAMS", '{"extra_body": {"a": 1e999}}'), "extra_body.a"),
        (PARAMS.replace("PARAMS", '{"extra_body": {"a": [-Infinity]}}'), "extra_body.a.0"),
        (PARAMS.replace("PARAMS", '{"extra_body": {"\\ud800": 1}}'), "extra_body"),
        (PARAMS.replace("PARAMS", '{"stop": "\\udfff"}'), "stop"),
        (PARAMS.replace("PARAMS", '{"extra_body": ' + DEEP + "}"), "extra_body"),
        ('{"name": "\\ud800"}', "name"),
        ('{"labels": {"\\ud800": "x"}}', "labels"),
        ('{"\\ud800": 1}', ""),
        ('{"dataset": "\\ud800"}', "dataset"),
        ('{"objects": [{"endpoint": "\\ud800"}]}', "endpoint"),
        ('{"scorers": [{"contains": {"words": ["\\ud800"]}}]}', "words"),
        ('{"scorers": [{"json_schema": {"schema": ' + DEEP + "}}]}", "schema"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_field(server: Server, dataset: str, change: str, part: str) -> None:
    # Written by hand: neither NaN nor half a surrogate pair is JSON that a client would make.
    body = json.dumps(plan(dataset, "builtin:echo"))[:-1] + ", " + change[1:]
    for path in ("/evaluations", "/evaluations?dry_run=true"):
        response = send(server, path, body)
        assert response.status_code == 400, response.text
        assert part in response.json()["where"]
        assert response.json()["hint"]
    assert server.get("/evaluations")["items"] == []


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ('"price": {"input_per_1m": 1e999, "output_per_1m": 1}', "price.input_per_1m"),
        ('"price": {"input_per_1m": 1, "output_per_1m": NaN}', "price.output_per_1m"),
        ('"param_ranges": {"temperature": [0, 1e999]}', "param_ranges.temperature.1"),
        ('"timeout_s": 1e999', "timeout_s"),
        ('"api_key": "\\ud800"', "api_key"),
        ('"name": "\\ud800"', "name"),
    ],
)
def test_an_endpoint_is_made_of_plain_values(server: Server, field: str, part: str) -> None:
    response = send(server, "/endpoints", '{"base_url": "http://127.0.0.1:9/v1", "model": "m", ' + field + "}")
    assert response.status_code == 400, response.text
    assert part in response.json()["where"]
    assert server.get("/endpoints")["items"] == []


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 5000, '{"name": ' + "9" * 5000 + "}", "", "[]", '"\\ud800"'])
def test_no_body_is_an_internal_error(server: Server, body: str) -> None:
    for path in ("/evaluations", "/endpoints", "/api-keys", "/comparisons"):
        assert 400 <= send(server, path, body).status_code < 500


def test_an_anonymous_caller_is_refused_before_the_body_is(server: Server) -> None:
    response = server.client.post(
        "/evaluations",
        content=b'{"seed": NaN}',
        headers={"Authorization": "Bearer sk-none", "Content-Type": "application/json"},
    )
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("builtin:nosuch", "unknown_builtin"),
        ("builtin:echo?x=1", "bad_endpoint"),
        ("builtin:scripted?latency_ms=abc", "bad_endpoint"),
        ("builtin:scripted?latency_ms=nan&answer_map={", "bad_endpoint"),
        ("builtin:scripted?err500=0.9&err429=0.9", "bad_endpoint"),
    ],
)
def test_a_built_in_that_cannot_be_used_is_refused_at_once(
    server: Server, dataset: str, endpoint: str, code: str
) -> None:
    for path in ("/evaluations", "/evaluations?dry_run=true"):
        response = server.client.post(path, json=plan(dataset, "builtin:echo", endpoint))
        assert (response.status_code, response.json()["code"]) == (400, code)
        assert response.json()["where"] == "objects.1.endpoint"
    refused = server.client.post("/endpoints", json={"base_url": endpoint, "model": "m"})
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert server.get("/evaluations")["items"] == []


def test_samples_of_an_unknown_metric_or_unit_are_refused(server: Server, dataset: str) -> None:
    made = server.post("/evaluations", plan(dataset, "builtin:echo"))["id"]
    server.wait(made)
    path = f"/evaluations/{made}/samples"
    for params, status in (
        ({"metric": "nosuch"}, 400),
        ({"metric": "nosuch", "below": 1}, 400),
        ({"unit": "nosuch"}, 400),
        ({"below": "nan"}, 422),
        ({"above": "1e999"}, 422),
    ):
        assert server.client.get(path, params=params).status_code == status, params
    assert len(server.get(path, metric="exact", below=2)["items"]) == 3
    assert server.client.delete(f"/evaluations/{made}").status_code == 204


def test_an_endpoint_stays_while_an_evaluation_needs_it(server: Server, dataset: str) -> None:
    endpoint = server.endpoint("builtin:scripted?latency_ms=30000")
    made = server.post("/evaluations", plan(dataset, endpoint))["id"]
    for _ in range(2):
        refused = server.client.delete(f"/endpoints/{endpoint}")
        assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_in_use")
        assert made in refused.json()["detail"]
    server.post(f"/evaluations/{made}/stop", status=200)
    server.wait(made)
    assert server.client.delete(f"/endpoints/{endpoint}").status_code == 204
    assert server.client.delete(f"/evaluations/{made}").status_code == 204


def test_known_content_under_another_name_is_a_data_set_of_its_own(server: Server) -> None:
    rows = sums(4, start=50)
    first, same, renamed = (server.upload(rows, name=name) for name in ("one.jsonl", "one.jsonl", "two.jsonl"))
    assert same["id"] == first["id"]
    assert (renamed["name"], renamed["version_id"]) == ("two", first["version_id"])
    assert renamed["id"] != first["id"]
    assert server.client.delete(f"/datasets/{first['id']}").status_code == 204
    assert len(server.get(f"/datasets/{renamed['id']}/rows")["items"]) == 4


@pytest.mark.parametrize(
    ("column", "value"), [("body", "{"), ("body", "[" * 20_000), ("state", "nonsense"), ("counts", "[]")]
)
def test_a_damaged_record_hides_no_other(server: Server, dataset: str, column: str, value: str) -> None:
    good, bad = (
        server.post("/evaluations", plan(dataset, "builtin:echo", name=name))["id"] for name in ("good", "bad")
    )
    for made in (good, bad):
        server.wait(made)
    damage(server, bad, column, value)
    assert [one["id"] for one in server.get("/evaluations")["items"]] == [good]
    refused = server.client.get(f"/evaluations/{bad}")
    assert (refused.status_code, refused.json()["code"], refused.json()["where"]) == (
        500,
        "storage",
        f"evaluation {bad}",
    )
    endpoint = server.endpoint("http://127.0.0.1:9/v1")
    assert server.client.delete(f"/endpoints/{endpoint}").status_code == 204
    server.get("/evaluations")
    assert server.log.read_text().count("left out of lists: error[storage]: a stored record cannot be read") >= 1
    assert sum("left out of lists" in line and bad in line for line in server.log.read_text().splitlines()) == 1
    server.client.delete(f"/evaluations/{good}")


def damage(server: Server, evaluation_id: str, column: str, value: Any) -> None:
    database = sqlite3.connect(server.log.parent / "steelyard.db", timeout=20)
    with database:
        database.execute(f"UPDATE evaluations SET {column} = ? WHERE id = ?", (value, evaluation_id))
    database.close()


def test_a_damaged_unfinished_record_stops_no_takeover(server: Server, dataset: str) -> None:
    """The server looks for what dead processes left; a record it cannot read is between it and a good one."""
    good, bad = (
        server.post("/evaluations", plan(dataset, "builtin:echo", name=name))["id"] for name in ("good", "bad")
    )
    for made in (good, bad):
        server.wait(made)
        damage(server, made, "state", "queued")
    damage(server, bad, "body", "{")
    deadline = time.monotonic() + 60
    while server.get(f"/evaluations/{good}")["state"] != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.2)
