"""The same plan again: it resumes, re-scores, or prints what is finished; and asks only what it must."""

import json
import signal
import time

import pytest
from tests.support.command import (
    comparable,
    finish,
    model,
    recorded_answers,
    start,
    steelyard,
    stored_evaluations,
    sums,
    write_plan,
    write_rows,
)
from tests.support.endpoint import running_endpoint


@pytest.fixture(scope="module")
def shared_endpoint():
    with running_endpoint(answer="sum", accuracy=0.8) as running:
        yield running


@pytest.fixture
def endpoint(shared_endpoint):
    shared_endpoint.reset()
    return shared_endpoint


class Bench:
    """A folder with rows, from which plans are run against one data directory."""

    def __init__(self, folder, endpoint, count=60):
        self.folder, self.endpoint, self.data_dir = folder, endpoint, folder / "data"
        write_rows(folder / "rows.jsonl", sums(count))

    def plan(self, **fields):
        target = fields.pop("target", None) or model("m", self.endpoint.base_url)
        given = {"name": "resumed", "dataset": "rows.jsonl", "objects": [target], "scorers": ["exact"], **fields}
        return write_plan(self.folder / "plan.yaml", **given)

    def run(self, *flags, env=None, **fields):
        return steelyard("run", self.plan(**fields), "--json", "--data-dir", self.data_dir, *flags, **(env or {}))

    def asked(self):
        return self.endpoint.stats()["total"]


@pytest.fixture
def bench(tmp_path, endpoint):
    return Bench(tmp_path, endpoint)


def test_the_same_plan_again_prints_the_report_and_asks_nothing(bench):
    first = bench.run()
    second = bench.run()
    assert (first.status, second.status) == (0, 0)
    assert bench.asked() == 60
    assert second.report == first.report
    assert stored_evaluations(bench.data_dir) == 1


def test_names_labels_and_allowances_do_not_make_another_plan(bench):
    bench.run()
    again = bench.run(name="another name", labels={"team": "blue"}, allow_failed=0.5)
    assert bench.asked() == 60
    assert again.report["name"] == "another name"


@pytest.mark.parametrize(
    "change",
    [{"repeats": 2}, {"seed": 5}, {"target_template": "Again: {input}"}, {"target_params": {"temperature": 0.5}}],
)
def test_what_changes_answers_makes_another_plan(bench, change):
    bench.run()
    target = model("m", bench.endpoint.base_url, change.pop("target_template", ""), change.pop("target_params", None))
    assert bench.run(target=target, **change).status == 0
    assert bench.asked() > 60
    assert stored_evaluations(bench.data_dir) == 2


def test_a_changed_row_makes_another_plan(bench):
    bench.run()
    write_rows(bench.folder / "rows.jsonl", [*sums(59), {"id": "r59", "input": "What is 1 + 1?", "reference": "2"}])
    bench.run()
    assert bench.asked() == 120


def test_a_new_scorer_only_scores(bench):
    first = bench.run()
    before = sorted((r.prompt, r.text, r.key) for r in recorded_answers(bench.data_dir))
    second = bench.run(scorers=["exact", "prefix"])
    assert bench.asked() == 60
    assert second.report["evaluation_id"] == first.report["evaluation_id"]
    (unit,) = second.report["units"]
    assert [m["name"] for m in unit["metrics"]] == ["exact", "prefix"]
    assert unit["metrics"][0] == first.report["units"][0]["metrics"][0]
    assert unit["metrics"][1]["n"] == 60
    assert sorted((r.prompt, r.text, r.key) for r in recorded_answers(bench.data_dir)) == before
    fewer = bench.run(scorers=["prefix"])
    assert [m["name"] for m in fewer.report["units"][0]["metrics"]] == ["prefix"]
    assert bench.asked() == 60


def test_scoring_again_needs_neither_the_endpoint_nor_its_key(tmp_path):
    with running_endpoint(key="sk-1", answer="sum") as endpoint:
        bench = Bench(tmp_path, endpoint)
        target = model("m", endpoint.base_url, api_key_env="BENCH_KEY")
        assert bench.run(target=target, env={"BENCH_KEY": "sk-1"}).status == 0
    again = bench.run(target=target, scorers=["exact", "prefix"])
    assert again.status == 0, again.err
    assert [m["n"] for m in again.report["units"][0]["metrics"]] == [60, 60]


def test_fresh_asks_everything_again(bench):
    first = bench.run()
    second = bench.run("--fresh")
    assert bench.asked() == 120
    assert second.report["evaluation_id"] != first.report["evaluation_id"]
    assert comparable(second.report) == comparable(first.report)
    bench.run()
    assert bench.asked() == 120


def test_an_interrupt_keeps_what_is_recorded_and_the_plan_goes_on(tmp_path):
    with running_endpoint(answer="sum", latency_ms=30) as endpoint:
        bench = Bench(tmp_path, endpoint, 1500)
        process = start("run", bench.plan(), "--data-dir", bench.data_dir)
        while endpoint.stats()["ok"] < 150:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = finish(process)
        assert said.status == 130, said.err
        assert "Traceback" not in said.err
        assert "run the same plan again" in said.err
        recorded = {r.prompt for r in recorded_answers(bench.data_dir)}
        assert 100 < len(recorded) < 1500
        endpoint.reset()
        done = bench.run()
        asked = set(endpoint.prompts())
    assert done.status == 0
    assert not recorded & asked
    assert len(recorded | asked) == 1500
    assert done.report["units"][0]["counts"]["answered"] == 1500


def test_an_interrupt_before_anything_began_leaves_nothing_behind(tmp_path, endpoint):
    bench = Bench(tmp_path, endpoint)
    process = start("run", bench.plan(), "--data-dir", bench.data_dir)
    process.send_signal(signal.SIGINT)
    finish(process)
    assert bench.run().status == 0


def test_a_limit_draws_with_the_seed_not_the_first_rows(bench):
    said = bench.run("--limit", "20")
    drawn = {r.position for r in recorded_answers(bench.data_dir)}
    assert said.report["units"][0]["rows"] == bench.asked() == len(drawn) == 20
    assert drawn != set(range(20))
    assert "sampled" in said.report["units"][0]["notes"]
    again = bench.run(limit=20)
    assert bench.asked() == 20, "the flag and the field are one"
    assert again.report == said.report
    bench.run(limit=20, seed=1)
    assert {r.position for r in recorded_answers(bench.data_dir)} != drawn


def test_a_limit_over_the_rows_takes_all(bench):
    assert bench.run("--limit", "1000").report["units"][0]["counts"]["total"] == 60


@pytest.mark.parametrize(("gate", "status"), [("exact=0.1", 0), ("exact=0.99", 1), ("nothing=0.1", 2)])
def test_a_gate_decides_the_exit_status(bench, gate, status):
    said = bench.run("--fail-under", gate)
    assert said.status == status
    assert ("gate missed" in said.err) == (status == 1)
    assert bench.run("--fail-under", gate).status == status


def test_two_runs_at_once_the_second_is_told_and_the_first_unharmed(tmp_path):
    with running_endpoint(answer="sum", latency_ms=400) as endpoint:
        bench = Bench(tmp_path, endpoint, 1500)
        plan = bench.plan()
        first = start("run", plan, "--json", "--data-dir", bench.data_dir)
        while endpoint.stats()["ok"] < 50:
            time.sleep(0.005)
        for flags in ([], ["--retry-failed"]):
            second = steelyard("run", plan, "--data-dir", bench.data_dir, *flags)
            assert (second.status, second.out) == (2, "")
            (line,) = second.err.strip().splitlines()
            assert line.startswith("error[evaluation_locked]:")
        said = finish(first)
        asked = endpoint.prompts()
    assert said.status == 0, said.err
    assert said.report["units"][0]["counts"]["answered"] == 1500
    assert {tuple(counts) for counts in asked.values()} == {(1, 1)}


def test_two_runs_started_together_do_not_both_pay(tmp_path):
    with running_endpoint(answer="sum", latency_ms=60) as endpoint:
        bench = Bench(tmp_path, endpoint, 1000)
        plan = bench.plan()
        both = [start("run", plan, "--json", "--data-dir", bench.data_dir) for _ in range(2)]
        said = [finish(process) for process in both]
        asked = endpoint.stats()["total"]
    # On a busy machine the later one may find the plan finished.
    assert sorted(s.status for s in said) in ([0, 2], [0, 0]), [s.err for s in said]
    assert asked == 1000
    assert stored_evaluations(bench.data_dir) == 1


def test_different_plans_share_a_data_directory_at_the_same_time(tmp_path):
    with running_endpoint(answer="sum", latency_ms=20) as endpoint:
        bench = Bench(tmp_path, endpoint, 200)
        processes = []
        for i in range(3):
            plan = write_plan(
                tmp_path / f"plan-{i}.yaml", dataset="rows.jsonl", scorers=["exact"],
                objects=[model("m", endpoint.base_url, f"{i}: {{input}}")],
            )  # fmt: skip
            processes.append(start("run", plan, "--json", "--data-dir", bench.data_dir))
        said = [finish(process) for process in processes]
    assert [s.status for s in said] == [0, 0, 0], [s.err for s in said]
    assert stored_evaluations(bench.data_dir) == 3


def test_result_sets_are_evaluated_without_any_endpoint_and_resume_too(tmp_path):
    for name, wrong in (("good", 0), ("poor", 30)):
        rows = [
            {"id": f"r{i}", "prompt": f"What is {i}?", "response": str(i if i >= wrong else -1), "reference": str(i)}
            for i in range(60)
        ]
        write_rows(tmp_path / f"{name}.jsonl", rows)
    objects = [{"label": n, "results": f"{n}.jsonl"} for n in ("good", "poor")]
    plan = write_plan(tmp_path / "plan.yaml", objects=objects, scorers=["exact"])
    said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    assert said.status == 0, said.err
    assert [u["metrics"][0]["value"] for u in said.report["units"]] == [1.0, 0.5]
    (pair,) = said.report["comparisons"]
    assert abs(pair["difference"]) == 0.5
    write_plan(plan, objects=objects, scorers=["exact", "prefix"])
    again = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    assert [len(u["metrics"]) for u in again.report["units"]] == [2, 2]
    assert json.loads(again.out)["evaluation_id"] == said.report["evaluation_id"]
