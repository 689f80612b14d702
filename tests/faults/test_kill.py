"""A run that is killed again and again ends with the report of an undisturbed one, and asks nothing again that was recorded."""

import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress

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
RECORD_BYTES = 500
"""Of an answer with its scores, about: only how far apart the kills are depends on it."""
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
    grown = 0
    for part in data_dir.glob("evaluations/*/journal/*.jsonl"):
        with suppress(FileNotFoundError):
            grown += part.stat().st_size
    return grown


def kill_somewhere(process, data_dir, chance, most_bytes):
    """Kills after a random time, or once the journal has grown by a random amount; returns whether it was still running."""
    by_time = chance.random() < 0.3
    end = time.monotonic() + (chance.uniform(0.0, 0.5) if by_time else 30.0)
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


def run_with_kills(endpoint, plan, data_dir, repeats, kills, seed, total):
    """Runs and kills until the run ends by itself; checks after each start that nothing recorded was asked again."""
    chance = random.Random(seed)
    asked, recorded = asked_prompts(endpoint), Counter()
    killed = 0
    while True:
        process = start("run", plan, "--json", "--data-dir", data_dir)
        share = (total - recorded.total()) // (kills - killed + 1)
        if killed < kills and kill_somewhere(process, data_dir, chance, max(1, share * RECORD_BYTES)):
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [20250101])
def test_twenty_kills_leave_the_report_of_an_undisturbed_run(tmp_path, seed):
    rows = sums(1900) + dialogues(100, 3)
    with running_endpoint(
        answer="sum", accuracy=0.8, latency_ms=20, sigma=0.3, err500=0.02, fail_attempts=0
    ) as endpoint:
        plan = plan_of(tmp_path, endpoint, rows)
        undisturbed = steelyard("run", plan, "--json", "--allow-failed", "0.2", "--data-dir", tmp_path / "calm")
        assert undisturbed.status == 0, undisturbed.err
        endpoint.reset()
        said, killed = run_with_kills(endpoint, plan, tmp_path / "data", 1, KILLS, seed, 4400)
    assert killed >= KILLS - 5, "the run ended before it was killed often enough"
    assert said.status == 1, "2 % of the rows failed"
    calm = undisturbed.report
    assert [u["counts"]["total"] for u in calm["units"]] == [2200, 2200]
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
        said, killed = run_with_kills(endpoint, plan, tmp_path / "data", 2, 5, 7, 640)
    assert killed >= 3
    assert said.status == 0, said.err
    assert [u["counts"]["total"] for u in said.report["units"]] == [320, 320]
    assert comparable(said.report) == comparable(undisturbed.report)


def test_kills_while_scores_shards_and_the_report_are_written(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(3000))
    fields = {
        "dataset": "rows.jsonl",
        "objects": [{"label": "o", "endpoint": "builtin:scripted?answer=sum&accuracy=0.7"}],
    }
    plan = write_plan(tmp_path / "plan.yaml", scorers=["exact"], **fields)
    more = write_plan(tmp_path / "more.yaml", scorers=["exact", "prefix", {"rouge": {"variant": "L"}}], **fields)
    base = tmp_path / "base"
    assert steelyard("run", plan, "--json", "--data-dir", base).status == 0
    shutil.copytree(base, tmp_path / "calm")
    started = time.monotonic()
    calm = steelyard("run", more, "--json", "--data-dir", tmp_path / "calm")
    usual_s = time.monotonic() - started
    chance, killed = random.Random(11), 0
    for i in range(6):
        data_dir = tmp_path / f"data-{i}"
        shutil.copytree(base, data_dir)
        process = start("run", more, "--json", "--data-dir", data_dir)
        time.sleep(chance.uniform(0.3, 1.0) * usual_s)
        killed += process.poll() is None
        process.kill()
        process.communicate()
        assert sorted(r.position for r in recorded_answers(data_dir)) == list(range(3000))
        said = steelyard("run", more, "--json", "--data-dir", data_dir)
        assert said.status == 0, said.err
        assert comparable(said.report) == comparable(calm.report)
    assert killed >= 2
