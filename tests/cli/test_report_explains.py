"""A report that is read at the terminal says what went wrong, from real runs."""

import time

from tests.support.command import finish, model, start, steelyard, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint


def plan_of(folder, endpoint, rows, **fields):
    write_rows(folder / "rows.jsonl", rows)
    target = model("m", endpoint.base_url, max_attempts=1)
    return write_plan(
        folder / "plan.yaml", name="e", dataset="rows.jsonl", objects=[target], scorers=["exact"], **fields
    )


def test_the_report_counts_the_messages_of_failed_requests(tmp_path):
    with running_endpoint(answer="sum", err500=0.2, fail_attempts=0) as endpoint:
        plan = plan_of(tmp_path, endpoint, sums(60))
        said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    (unit,) = said.report["units"]
    (messages,) = unit["failure_messages"].values()
    assert sum(one["count"] for one in messages) == unit["counts"]["failed"] > 0
    assert all(one["message"] for one in messages)
    text = steelyard("report", "e", "--data-dir", tmp_path / "data").out
    assert f"{messages[0]['count']} × server error (5xx): {messages[0]['message']}" in text
    command = next(line for line in text.splitlines() if "steelyard samples" in line).split("steelyard ")[1].split()
    listed = steelyard(*command, "--data-dir", tmp_path / "data")
    assert listed.status == 0
    assert len(listed.out.splitlines()) >= unit["counts"]["failed"]


def test_the_report_of_an_endpoint_that_died_begins_with_the_reason(tmp_path):
    with running_endpoint(answer="sum", latency_ms=20) as endpoint:
        process = start("run", plan_of(tmp_path, endpoint, sums(1500)), "--data-dir", tmp_path / "data")
        while endpoint.stats()["ok"] < 50:
            time.sleep(0.005)
        endpoint.kill()
        assert finish(process).status == 1
    report = steelyard("report", "e", "--format", "json", "--data-dir", tmp_path / "data").report
    assert report["error"].startswith("error[endpoint_down]")
    top = steelyard("report", "e", "--data-dir", tmp_path / "data").out.split("data set")[0]
    assert report["error"] in top
    counts = report["units"][0]["counts"]
    unasked = counts["total"] - counts["answered"] - counts["failed"]
    assert unasked
    assert f"{unasked:,} of {counts['total']:,} requests were not asked" in top
