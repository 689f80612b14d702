"""A run that is killed again and again ends with the report of an undisturbed one, and asks nothing again that was recorded."""

import random
import signal
import time
from collections import Counter

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

KILLS = 20
TEMPLATES = ("Left: {input}", "Right: {input}")


def dialogues(count, turns):
    return [
        {
            "id": f"d{i}",
            "messages": [
                message
                for t in range(turns)
                for message in (
                    {"role": "user", "content": f"Dialogue {i} turn {t}: what equals {i} + {t}?"},
                    {"role": "assistant", "content": str(i + t)},
                )
            ],
        }
        for i in range(count)
    ]


def plan_of(folder, endpoint, rows, **more):
    write_rows(folder / "rows.jsonl", rows)
    # One attempt: a prompt that fails always fails, so the failures are the same in both runs.
    objects = [
        model(f"object-{i}", endpoint.base_url, template, max_attempts=1) for i, template in enumerate(TEMPLATES)
    ]
    return write_plan(
        folder / "plan.yaml", name="killed", dataset="rows.jsonl", objects=objects, scorers=["exact", {"contains": {}}],
        limits={"max_concurrency": 128}, **more,
    )  # fmt: skip


def progress(data_dir):
    """Returns the bytes in all journals: it grows with every recorded answer."""
    return sum(p.stat().st_size for p in data_dir.glob("evaluations/*/journal/*.jsonl"))


def kill_somewhere(process, data_dir, chance, most_bytes):
    """Kills after a random time, or once the journal has grown by a random amount; returns whether it was still running."""
    by_time = chance.random() < 0.3
    end = time.monotonic() + (chance.uniform(0.0, 1.2) if by_time else 30.0)
    goal = progress(data_dir) + (most_bytes * 1000 if by_time else chance.randrange(most_bytes))
    while process.poll() is None and time.monotonic() < end and progress(data_dir) <= goal:
        time.sleep(0.001)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return True


def recorded_prompts(data_dir):
    return Counter(record.prompt for record in recorded_answers(data_dir) if record.failure != "earlier_turn")


def asked_prompts(endpoint):
    return {prompt: attempts for prompt, (attempts, _) in endpoint.prompts().items()}


def run_with_kills(endpoint, plan, data_dir, repeats, kills, seed, most_bytes):
    """Runs and kills until the run ends by itself; checks before each restart's end what may have been asked."""
    chance = random.Random(seed)
    asked, recorded = asked_prompts(endpoint), Counter()
    killed = 0
    while True:
        process = start("run", plan, "--json", "--data-dir", data_dir)
        if killed < kills and kill_somewhere(process, data_dir, chance, most_bytes):
            killed += 1
            said = None
        else:
            said = finish(process)
        now = asked_prompts(endpoint)
        for prompt, attempts in now.items():
            left = repeats - recorded[prompt]
            assert attempts - asked.get(prompt, 0) <= left, f"{prompt!r} was asked again after kill {killed}"
        asked, before, recorded = now, recorded, recorded_prompts(data_dir)
        assert not before - recorded, "a recorded answer is gone"
        if said is not None:
            return said, killed


@pytest.mark.parametrize("seed", [20250101])
def test_twenty_kills_leave_the_report_of_an_undisturbed_run(tmp_path, seed):
    rows = sums(1700) + dialogues(100, 3)
    with running_endpoint(
        answer="sum", accuracy=0.8, latency_ms=20, sigma=0.3, err500=0.02, fail_attempts=0
    ) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows)
        undisturbed = steelyard("run", plan, "--json", "--allow-failed", "0.2", "--data-dir", tmp_path / "calm")
        assert undisturbed.status == 0, undisturbed.err
        endpoint.reset()
        said, killed = run_with_kills(endpoint, plan, tmp_path / "data", 1, KILLS, seed, 150_000)
    assert killed == KILLS, "the run ended before it was killed often enough"
    assert said.status == 1, "2 % of the rows failed"
    calm = undisturbed.report
    assert [u["counts"]["total"] for u in calm["units"]] == [2000, 2000]
    assert all(u["counts"]["failed"] > 10 for u in calm["units"])
    assert comparable(said.report) == comparable(calm)
    assert stored_evaluations(tmp_path / "data") == 1


def test_repeats_survive_kills_too(tmp_path):
    rows = sums(120) + dialogues(20, 2)
    with running_endpoint(answer="sum", accuracy=0.8, latency_ms=20, sigma=0.3) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows, repeats=2)
        undisturbed = steelyard("run", plan, "--json", "--data-dir", tmp_path / "calm")
        assert undisturbed.status == 0, undisturbed.err
        endpoint.reset()
        said, killed = run_with_kills(endpoint, plan, tmp_path / "data", 2, 5, 7, 40_000)
    assert killed >= 3
    assert said.status == 0, said.err
    assert [u["counts"]["total"] for u in said.report["units"]] == [320, 320]
    assert comparable(said.report) == comparable(undisturbed.report)
