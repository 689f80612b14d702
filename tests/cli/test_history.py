"""What a dialogue's later turns are told was said before: the model's own answers, or the references."""

import json
import signal
import time

import pytest
from tests.faults.test_kill import run_with_kills
from tests.support.command import (
    comparable,
    finish,
    model,
    recorded_answers,
    start,
    steelyard,
    stored_evaluations,
    write_plan,
    write_rows,
)
from tests.support.endpoint import running_endpoint

from steelyard.domain.evaluation import DatasetUse, EvaluationSpec, ObjectSpec
from steelyard.domain.request import EndpointSpec
from steelyard.services.evaluations.plan import plan_hash


def dialogue(number, turns, **more):
    said = [
        message
        for t in range(turns)
        for message in (
            {"role": "user", "content": f"Dialogue {number} turn {t}: what equals {number} + {t}?"},
            {"role": "assistant", "content": str(number + t)},
        )
    ]
    return {"id": f"d{number}", "messages": said, **more}


def dialogues(count, turns):
    return [dialogue(i, turns) for i in range(count)]


class Bench:
    """A folder with dialogues, from which plans are run against one data directory."""

    def __init__(self, folder, endpoint, rows):
        self.folder, self.endpoint, self.data_dir = folder, endpoint, folder / "data"
        write_rows(folder / "rows.jsonl", rows)

    def plan(self, **fields):
        target = model("m", self.endpoint.base_url, max_attempts=1)
        given = {"name": "told", "dataset": "rows.jsonl", "objects": [target], "scorers": ["exact"], **fields}
        return write_plan(self.folder / "plan.yaml", **given)

    def run(self, *flags, **fields):
        return steelyard("run", self.plan(**fields), "--json", "--data-dir", self.data_dir, *flags)

    def told(self):
        """Returns the messages of the last request, as (role, text)."""
        return [(m["role"], m["content"]) for m in json.loads(self.endpoint.last()["body"])["messages"]]


@pytest.fixture(scope="module")
def shared_endpoint():
    with running_endpoint(answer="my own words") as running:
        yield running


@pytest.fixture
def bench(tmp_path, shared_endpoint):
    shared_endpoint.reset()
    return Bench(tmp_path, shared_endpoint, [dialogue(5, 3)])


def failures(data_dir):
    return {(r.row_id, r.turn): r.failure for r in recorded_answers(data_dir) if r.text is None}


@pytest.mark.parametrize(
    ("history", "said"), [(None, ["my own words"] * 2), ("answers", ["my own words"] * 2), ("references", ["5", "6"])]
)
def test_what_the_last_turn_is_told(bench, history, said):
    # One at a time: the last turn is then the last request.
    ran = bench.run(history=history, limits={"max_concurrency": 1})
    assert ran.status == 0, ran.err
    asked = [f"Dialogue 5 turn {t}: what equals 5 + {t}?" for t in range(3)]
    assert bench.told() == [
        ("user", asked[0]), ("assistant", said[0]), ("user", asked[1]), ("assistant", said[1]), ("user", asked[2]),
    ]  # fmt: skip
    notes = ran.report["units"][0]["notes"]
    assert "dialogues_averaged" in notes
    assert ("history_references" in notes) == (history == "references")


def test_the_history_is_part_of_the_plan_and_its_default_is_not(bench):
    bench.run()
    assert bench.run(history="answers").status == 0
    assert bench.endpoint.stats()["total"] == 3
    assert bench.run(history="references").status == 0
    assert bench.endpoint.stats()["total"] == 6
    assert stored_evaluations(bench.data_dir) == 2


def test_the_hash_of_a_plan_without_a_history_is_what_it_always_was():
    target = ObjectSpec("m", EndpointSpec("http://127.0.0.1:1/v1", "m"))
    data = (DatasetUse("ds-a", "abc", "rows", 3),)
    assert plan_hash(EvaluationSpec((target,), data, seed=7)) == "6b5b0b3c4e71621c2c3676fc761fee63"
    told = ObjectSpec("m", target.endpoint, history="references")
    assert plan_hash(EvaluationSpec((told,), data, seed=7)) != "6b5b0b3c4e71621c2c3676fc761fee63"


def test_a_failed_turn_blocks_those_after_it_only_where_they_need_its_answer(tmp_path):
    with running_endpoint(answer="sum", err500=0.2, fail_attempts=0) as endpoint:
        bench = Bench(tmp_path, endpoint, dialogues(20, 4))
        own = bench.run("--allow-failed", "1")
        blocked = failures(bench.data_dir)
        assert "earlier_turn" in blocked.values()
        bench.data_dir = tmp_path / "told"
        told = bench.run("--allow-failed", "1", history="references")
        free = failures(bench.data_dir)
        assert set(free.values()) == {"server_error"}
        assert {key for key, reason in blocked.items() if reason == "server_error"} <= free.keys()
        assert any((row, turn + 1) not in free for row, turn in free if turn < 3)
        (unit,) = told.report["units"]
        assert unit["counts"]["answered"] == 80 - len(free)
        assert unit["counts"]["answered"] > own.report["units"][0]["counts"]["answered"]
        # Asked again, only the turns from the first that failed on are; then all is there.
        endpoint.configure(err500=0)
        endpoint.reset()
        again = bench.run("--retry-failed", history="references")
    assert again.status == 0, again.err
    assert again.report["units"][0]["counts"] == {"total": 80, "answered": 80, "failed": 0, "scored": 80}
    assert again.report["units"][0]["metrics"][0]["value"] == 1.0


@pytest.mark.parametrize(("history", "most"), [("answers", 1), ("references", 8)])
def test_turns_of_one_dialogue_wait_only_where_they_must(tmp_path, history, most):
    with running_endpoint(answer="sum", latency_ms=150) as endpoint:
        bench = Bench(tmp_path, endpoint, dialogues(1, 8))
        assert bench.run(history=history).status == 0
        peak = endpoint.stats()["max_inflight"]
    assert peak == 1 if most == 1 else 1 < peak <= most


def test_kills_leave_the_report_of_an_undisturbed_run(tmp_path):
    with running_endpoint(
        answer="sum", accuracy=0.8, latency_ms=20, sigma=0.6, err500=0.05, fail_attempts=0
    ) as endpoint:
        bench = Bench(tmp_path, endpoint, dialogues(60, 7))
        plan = bench.plan(history="references", limits={"max_concurrency": 16})
        calm = steelyard("run", plan, "--json", "--data-dir", tmp_path / "calm")
        endpoint.reset()
        said, killed = run_with_kills(endpoint, plan, bench.data_dir, 1, 8, 11, 420)
    assert killed >= 5
    assert calm.report["units"][0]["counts"]["failed"] > 3
    assert comparable(said.report) == comparable(calm.report)
    assert said.status == calm.status == 1
    keys = [(r.position, r.turn) for r in recorded_answers(bench.data_dir)]
    assert sorted(keys) == [(row, turn) for row in range(60) for turn in range(7)]


def test_an_interrupt_keeps_what_is_recorded(tmp_path):
    with running_endpoint(answer="sum", latency_ms=30, sigma=0.5) as endpoint:
        bench = Bench(tmp_path, endpoint, dialogues(80, 6))
        plan = bench.plan(history="references", limits={"max_concurrency": 8})
        process = start("run", plan, "--data-dir", bench.data_dir)
        while endpoint.stats()["ok"] < 60:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert finish(process).status == 130
        kept = {(r.row_id, r.turn) for r in recorded_answers(bench.data_dir)}
        assert kept
        # What is recorded of a dialogue has no holes, so that nothing of it is asked again.
        assert all(turn == 0 or (row, turn - 1) in kept for row, turn in kept)
        endpoint.reset()
        said = bench.run(history="references", limits={"max_concurrency": 8})
        assert said.status == 0, said.err
        assert endpoint.stats()["total"] == 480 - len(kept)


def test_a_turn_whose_past_has_no_reference_fails_alone(tmp_path, shared_endpoint):
    array = [{"prompt": "One?", "response": "1"}, {"prompt": "Two?"}, {"prompt": "Three?", "response": "3"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(array) + "\n", "utf-8")
    data_dir = tmp_path / "data"
    target = model("m", shared_endpoint.base_url, max_attempts=1)
    plan = write_plan(
        tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[target], scorers=["exact"], history="references"
    )
    said = steelyard("run", plan, "--json", "--data-dir", data_dir)
    assert said.status == 1
    (lost,) = [r for r in recorded_answers(data_dir) if r.text is None]
    assert (lost.turn, lost.failure) == (2, "refused")
    assert "turn 2 of row" in lost.message
    assert "has no reference" in lost.message


@pytest.mark.parametrize(
    ("rows", "fields", "code", "hint"),
    [
        ([[{"prompt": "a"}, {"prompt": "b"}]], {"history": "references"}, "no_reference", "history: answers"),
        ([dialogue(1, 2)], {"history": "mine"}, "bad_plan", "history"),
        (
            [{"prompt": "a", "prediction": "b", "reference": "b"}],
            {"history": "references", "dataset": None, "objects": [{"results": "rows.jsonl"}]},
            "bad_plan", "leave `history` out",
        ),
    ],
)  # fmt: skip
def test_a_history_that_cannot_be_is_refused_before_anything_is_asked(
    tmp_path, shared_endpoint, rows, fields, code, hint
):
    shared_endpoint.reset()
    said = Bench(tmp_path, shared_endpoint, rows).run(**fields)
    (error,) = said.errors
    assert said.status == 2
    assert f"error[{code}]" in error
    assert hint in error
    assert "plan.yaml history" in error
    assert shared_endpoint.stats()["total"] == 0


def test_a_history_without_dialogues_is_pointed_out(tmp_path, shared_endpoint):
    bench = Bench(tmp_path, shared_endpoint, [{"prompt": "What is 1 + 1?", "reference": "2"}])
    said = bench.run(history="references")
    assert said.status == 0
    assert "no data set holds dialogues" in said.err


def session(number, references, **more):
    return [
        {"session_id": number, "prompt": f"S{number} turn {t}: what equals {number} + {t}?", "reference": ref, **more}
        for t, ref in enumerate(references)
    ]


def test_the_turns_of_a_session_count_as_one_row(tmp_path):
    # One right turn, and a session of three wrong ones: by turns 1/4, by sessions 1/2.
    rows = session(1, ["1"]) + session(2, ["no", "no", "no"])
    with running_endpoint(answer="sum") as endpoint:
        ran = Bench(tmp_path, endpoint, rows).run()
    (unit,) = ran.report["units"]
    (metric,) = unit["metrics"]
    assert (metric["value"], metric["n"], unit["rows"], unit["counts"]["total"]) == (0.5, 2, 2, 4)
    assert "dialogues_averaged" in unit["notes"]


def test_sessions_of_one_group_are_clustered(tmp_path):
    rows = [
        row
        for i in range(40)
        for row in session(i, [str(i) if i // 4 % 2 else "no", "no"], group_id=f"passage-{i // 4}")
    ]
    with running_endpoint(answer="sum") as endpoint:
        bench = Bench(tmp_path, endpoint, rows)
        clustered = bench.run().report["units"][0]["metrics"][0]
        write_rows(bench.folder / "rows.jsonl", [{k: v for k, v in r.items() if k != "group_id"} for r in rows])
        alone = bench.run().report["units"][0]["metrics"][0]
    assert (clustered["interval_reason"], alone["interval_reason"]) == ("clustered_t", "bootstrap_bca")
    assert clustered["value"] == alone["value"] == 0.25
    assert clustered["n"] == alone["n"] == 40
    widths = [m["interval"][1] - m["interval"][0] for m in (clustered, alone)]
    assert widths[0] > 1.5 * widths[1]
