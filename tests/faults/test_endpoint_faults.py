"""Endpoints that fail: every run ends, marks exactly the rows that got no answer, and says so in counts and exit status."""

import time

import pytest
from tests.support.command import finish, model, recorded_answers, start, steelyard, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint

from steelyard.adapters.providers.faults import Script, script_options

REASONS = {
    "err500": "server_error",
    "err429": "rate_limited",
    "reset": "connection",
    "malformed": "malformed",
    "hang": "timeout",
}
LIMITS_PER_ATTEMPT = 4


def expected_failures(options, prompts, max_attempts):
    """Returns prompt -> reason, worked out from the endpoint's own draws: how each prompt's last attempt ends."""
    script = Script(script_options(options))
    out = {}
    for prompt in prompts:
        key, broken, limited, attempt = script.key(prompt), 0, 0, 0
        while True:
            attempt += 1
            fault = script.fault(key, attempt)
            if not fault:
                break
            broken, limited = broken + (fault != "err429"), limited + (fault == "err429")
            allowed = max_attempts if max_attempts == 1 else max_attempts * LIMITS_PER_ATTEMPT
            if (fault == "err429" and limited >= allowed) or (fault != "err429" and broken >= max_attempts):
                out[prompt] = REASONS[fault]
                break
    return out


def plan_of(folder, endpoint, rows, *, max_attempts=2, timeout_s=60.0, **more):
    write_rows(folder / "rows.jsonl", rows)
    target = model("m", endpoint.base_url, max_attempts=max_attempts, timeout_s=timeout_s)
    return write_plan(
        folder / "plan.yaml", name="faults", dataset="rows.jsonl", objects=[target], scorers=["exact"],
        limits={"max_concurrency": 128}, **more,
    )  # fmt: skip


CASES = {
    "passing 500s": ({"err500": 0.05}, {}, 400),
    "passing 500s, one attempt": ({"err500": 0.05}, {"max_attempts": 1}, 400),
    "permanent 500s": ({"err500": 0.05, "fail_attempts": 0}, {}, 2000),
    "limits with Retry-After": ({"err429": 0.3, "retry_after": 0.1}, {}, 150),
    "resets": ({"reset": 0.1}, {}, 300),
    "malformed JSON": ({"malformed": 0.1}, {}, 300),
    "hanging": ({"hang": 0.03, "fail_attempts": 0}, {"max_attempts": 1, "timeout_s": 3.0}, 300),
    "everything at once": (
        {"err500": 0.06, "err429": 0.06, "reset": 0.06, "malformed": 0.06, "retry_after": 0.05}, {"max_attempts": 3}, 500,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_exactly_the_rows_without_an_answer_are_marked(case, tmp_path):
    options, endpoint_fields, count = CASES[case]
    rows = sums(count)
    expected = expected_failures(options, [r["input"] for r in rows], endpoint_fields.get("max_attempts", 2))
    with running_endpoint(answer="sum", latency_ms=5, **options) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows, **endpoint_fields)
        said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        asked = endpoint.prompts()
        again = steelyard("run", plan, "--json", "--allow-failed", "0.3", "--data-dir", tmp_path / "data")
        assert endpoint.prompts() == asked, "a finished plan asks nothing"
    failed = {r.prompt: r.failure for r in recorded_answers(tmp_path / "data") if r.text is None}
    assert failed == expected
    (unit,) = said.report["units"]
    counts = {
        "total": count,
        "answered": count - len(expected),
        "failed": len(expected),
        "scored": count - len(expected),
    }
    assert unit["counts"] == counts
    assert sum(unit["failures"].values()) == len(expected)
    (metric,) = unit["metrics"]
    assert (metric["value"], metric["n"], metric["n_unscored"]) == (1.0, count - len(expected), len(expected))
    assert said.status == (1 if expected else 0)
    assert said.report["state"] == ("partially_failed" if expected else "succeeded")
    assert again.status == 0
    assert again.report["units"][0]["counts"] == counts
    assert "Traceback" not in said.err + again.err


def test_a_row_that_passes_on_a_later_attempt_is_answered_once_and_counted_as_retried(tmp_path):
    rows = sums(100)
    with running_endpoint(answer="sum", err500=0.3, fail_attempts=1) as endpoint:
        said = steelyard("run", plan_of(tmp_path, endpoint, rows), "--json", "--data-dir", tmp_path / "data")
        stats = endpoint.stats()
    (unit,) = said.report["units"]
    assert said.status == 0
    assert unit["retried"] == stats["err500"] > 10
    assert stats["answered_again"] == 0


def test_failures_are_asked_again_on_demand_and_answers_are_not(tmp_path):
    rows = sums(300)
    with running_endpoint(answer="sum", err500=0.1, fail_attempts=0) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows, max_attempts=1)
        first = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        failed = {r.prompt for r in recorded_answers(tmp_path / "data") if r.text is None}
        assert first.status == 1
        endpoint.configure(err500=0.0)
        endpoint.reset()
        second = steelyard("run", plan, "--json", "--retry-failed", "--data-dir", tmp_path / "data")
        asked = endpoint.prompts()
        third = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        assert endpoint.prompts() == asked
    assert failed
    assert set(asked) == failed
    assert second.status == third.status == 0
    assert second.report["units"][0]["counts"] == {"total": 300, "answered": 300, "failed": 0, "scored": 300}


def test_an_endpoint_that_dies_stops_the_run_and_the_same_plan_completes_it(tmp_path):
    rows = sums(3000)
    data_dir = tmp_path / "data"
    with running_endpoint(answer="sum", latency_ms=20) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows, max_attempts=2)
        process = start("run", plan, "--json", "--data-dir", data_dir)
        while endpoint.stats()["ok"] < 200:
            time.sleep(0.005)
        endpoint.kill()
        said = finish(process)
        port = endpoint.port
    before = recorded_answers(data_dir)
    (unit,) = said.report["units"]
    assert said.status == 1
    assert said.report["state"] == "failed"
    assert [line.split(":")[0] for line in said.errors] == ["error[endpoint_down]"]
    assert 200 <= unit["counts"]["answered"] < 3000
    assert unit["counts"]["failed"] == 0, "the rows are not to blame"
    unreachable = steelyard("run", plan, "--json", "--data-dir", data_dir)
    assert (unreachable.status, len(unreachable.errors)) == (2, 1)
    with running_endpoint(answer="sum", port=port) as endpoint:
        completed = steelyard("run", plan, "--json", "--data-dir", data_dir)
        asked = endpoint.prompts()
    assert completed.status == 0, completed.err
    assert completed.report["units"][0]["counts"] == {"total": 3000, "answered": 3000, "failed": 0, "scored": 3000}
    recorded = {r.prompt for r in before}
    assert len(recorded) == unit["counts"]["answered"]
    assert set(asked) == {r["input"] for r in rows} - recorded
    assert all(attempts == 1 for attempts, _ in asked.values())


def test_one_dead_endpoint_does_not_stop_the_other_object(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(400))
    with running_endpoint(answer="sum", latency_ms=5) as well, running_endpoint(err500=1.0) as ill:
        plan = write_plan(
            tmp_path / "plan.yaml", dataset="rows.jsonl", scorers=["exact"],
            objects=[model("well", well.base_url), model("ill", ill.base_url, max_attempts=1)],
        )  # fmt: skip
        said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        asked = ill.stats()["total"]
    good, bad = said.report["units"]
    assert said.status == 1
    assert said.report["state"] == "partially_failed"
    assert good["counts"]["answered"] == 400
    assert (bad["counts"]["answered"], bad["counts"]["failed"]) == (0, 0)
    assert asked < 400, "it gave up on the endpoint, not on every row"


def test_a_refused_key_stops_the_run_at_once(tmp_path):
    with running_endpoint(key="right") as endpoint:
        plan = plan_of(tmp_path, endpoint, sums(500))
        said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        assert endpoint.stats()["total"] == 0
    assert said.status == 2
    assert [line.split(":")[0] for line in said.errors] == ["error[endpoint_unreachable]"]


def test_an_earlier_turn_without_an_answer_fails_the_later_ones_unasked(tmp_path):
    rows = [
        {"id": f"d{i}", "messages": [
            {"role": "user", "content": f"Say {i} first"}, {"role": "assistant", "content": "a"},
            {"role": "user", "content": f"Say {i} then"}, {"role": "assistant", "content": "b"},
        ]}
        for i in range(150)
    ]  # fmt: skip
    options = {"err500": 0.1, "fail_attempts": 0}
    first = expected_failures(options, [f"Say {i} first" for i in range(150)], 1)
    then = expected_failures(options, [f"Say {i} then" for i in range(150) if f"Say {i} first" not in first], 1)
    with running_endpoint(latency_ms=3, **options) as endpoint:
        said = steelyard(
            "run", plan_of(tmp_path, endpoint, rows, max_attempts=1), "--json", "--data-dir", tmp_path / "data"
        )
        asked = set(endpoint.prompts())
    (unit,) = said.report["units"]
    assert first
    assert then
    assert unit["failures"] == {"earlier_turn": len(first), "server_error": len(first) + len(then)}
    assert asked == {f"Say {i} first" for i in range(150)} | {
        f"Say {i} then" for i in range(150) if f"Say {i} first" not in first
    }


def test_an_endpoint_that_answers_slowly_within_its_time_is_waited_for(tmp_path):
    with running_endpoint(answer="sum", latency_ms=700) as endpoint:
        said = steelyard(
            "run", plan_of(tmp_path, endpoint, sums(20), timeout_s=30), "--json", "--data-dir", tmp_path / "data"
        )
    assert said.status == 0
    assert said.report["units"][0]["latency"]["p50_ms"] >= 700
