"""The journal under kill -9: while it is appended to, while parts become shards, while a report is written."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from tests.support.command import finish, model, recorded_answers, start, steelyard, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint

from steelyard.adapters.store import results as results_module
from steelyard.adapters.store.results import FileResults
from steelyard.adapters.store.shards import compact
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.score import ScoreRecord
from steelyard.ports.journal import UnitShape

EVAL = "ame-test"

APPENDS = """
import asyncio, sys
from pathlib import Path
from steelyard.adapters.store import journal
from steelyard.adapters.store.results import FileResults
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.score import ScoreRecord

journal.PART_RECORDS = 150
results = FileResults(Path(sys.argv[1]))

async def main():
    writer = results.open_journal("ame-test", ["exact|v1"])
    position = int(sys.argv[2])
    while True:
        answer = AnswerRecord(0, f"row-{position}", position, text="text " * 20, epoch=writer.epoch)
        writer.append(answer, [ScoreRecord(0, answer.row_id, position, value=1.0, epoch=writer.epoch)])
        await asyncio.sleep(0)
        print(position, flush=True)
        position += 1

asyncio.run(main())
"""

COMPACTS = """
import sys
from pathlib import Path
from steelyard.adapters.store.results import FileResults
import pyarrow.parquet

writer = FileResults(Path(sys.argv[1])).open_journal("ame-test", ["exact|v1"])
print("ready", flush=True)
writer.close()
print("done", flush=True)
"""

REPORTS = """
import sys
from pathlib import Path
from steelyard.adapters.store.results import FileResults

results = FileResults(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        results.write_report("ame-test", letter * 2_000_000)
"""


def script(text, *args):
    return subprocess.Popen([sys.executable, "-c", text, *map(str, args)], stdout=subprocess.PIPE, text=True)


def kill(process):
    process.send_signal(signal.SIGKILL)
    return process.communicate()[0]


@pytest.mark.parametrize("seed", [1])
def test_whatever_was_recorded_survives_a_kill_while_appending(tmp_path, seed):
    chance = random.Random(seed)
    files = FileResults(tmp_path)
    told = 0
    for _ in range(8):
        process = script(APPENDS, tmp_path, told)
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.5))
        said = [int(word) for word in kill(process).split()]
        # The last number may be cut short by the kill; all before it were printed after they were recorded.
        last = said[-2] if len(said) > 1 else told
        found = [record.position for record in files.answers(EVAL)]
        assert found == list(range(len(found)))
        assert len(found) > last
        assert [score.position for _, score in files.scores(EVAL)] == found[: len(list(files.scores(EVAL)))]
        told = len(found)
    (known,) = files.recorded(EVAL, [UnitShape(told, 1)])
    assert known.n_answered == told > 500
    assert list((tmp_path / EVAL / "shards").glob("answers-*")), "parts were compacted on the way"
    files.close()


def parts_of(root, parts, records):
    """Leaves `parts` closed parts of `records` answers each, as writers do that were killed before they compacted."""
    for number in range(parts):
        single = FileResults(root / f"single-{number}")
        writer = single.open_journal(EVAL, ["exact|v1"])
        for position in range(number * records, (number + 1) * records):
            answer = AnswerRecord(0, f"row-{position}", position, prompt=f"prompt {position}", text="text " * 10)
            writer.append(answer, [ScoreRecord(0, answer.row_id, position, value=position % 2)])
        target = root / "evaluations" / EVAL / "journal" / f"{number + 1:06d}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        (root / f"single-{number}" / EVAL / "journal" / "000001.jsonl").rename(target)
        writer.close()
        single.close()


def test_a_kill_while_compacting_neither_loses_nor_doubles_anything(tmp_path):
    chance, total = random.Random(3), 4 * 3000
    parts_of(tmp_path, 4, 3000)
    calm = script(COMPACTS, shutil.copytree(tmp_path / "evaluations", tmp_path / "calm"))
    calm.stdout.readline()
    started = time.monotonic()
    calm.communicate()
    usual_s = time.monotonic() - started
    kills = 0
    for i in range(6):
        root = shutil.copytree(tmp_path / "evaluations", tmp_path / f"killed-{i}")
        files = FileResults(root)
        for delay_s in (chance.uniform(0.0, usual_s), None):
            process = script(COMPACTS, root)
            assert process.stdout.readline() == "ready\n"
            if delay_s is None:
                process.communicate()
            else:
                time.sleep(delay_s)
                kills += "done" not in kill(process)
            assert [record.position for record in files.answers(EVAL)] == list(range(total))
            (known,) = files.recorded(EVAL, [UnitShape(total, 1)])
            assert known.n_answered == known.answered.count(1) == total
            assert known.scored["exact|v1"].count(1) == total
        left = [p.read_bytes().count(b"\n") for p in (root / EVAL / "journal").iterdir()]
        assert max(left, default=0) <= 1, "only parts without a record may stay parts"
        assert len(list((root / EVAL / "shards").iterdir())) == 2
        files.close()
    assert kills >= 3, "nearly every compaction ended before it was killed"


class KilledError(BaseException):
    """Stands for a kill between two steps: nothing catches it."""


def dies_before(monkeypatch, step):
    """Lets the process die just before the step-th of the calls that others can see: sync, rename, remove."""
    taken = count(1)

    def dying(call):
        def wrapped(*args, **more):
            if next(taken) >= step:
                raise KilledError
            return call(*args, **more)

        return wrapped

    for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


def died(monkeypatch, step, act):
    with monkeypatch.context() as patch:
        dies_before(patch, step)
        try:
            act()
        except KilledError:
            return True
    return False


def test_every_step_of_compaction_can_be_the_last(tmp_path, monkeypatch):
    parts_of(tmp_path, 2, 600)
    total, deaths = 1200, 0
    monkeypatch.setattr(results_module, "COMPACT_RECORDS", 1)
    for step in count(1):
        root = shutil.copytree(tmp_path / "evaluations", tmp_path / f"step-{step}")
        folder = root / EVAL
        parts = sorted((folder / "journal").iterdir())
        killed = died(monkeypatch, step, lambda folder=folder, parts=parts: compact(parts, folder / "shards"))
        deaths += killed
        files = FileResults(root)
        for _ in range(2):
            assert [record.position for record in files.answers(EVAL)] == list(range(total)), step
            assert [score.position for _, score in files.scores(EVAL)] == list(range(total)), step
            files.open_journal(EVAL, ["exact|v1"]).close()
        assert len(list((folder / "shards").iterdir())) == 2, "one shard, and nothing that was left half-done"
        files.close()
        if not killed:
            break
    assert deaths >= 8


def test_every_step_of_writing_a_report_can_be_the_last(tmp_path, monkeypatch):
    files = FileResults(tmp_path)
    files.write_report(EVAL, b"old")
    for step in count(1):
        killed = died(monkeypatch, step, lambda: files.write_report(EVAL, b"the new one"))
        assert files.read_report(EVAL) in {b"old", b"the new one"}
        if not killed:
            break
        files.write_report(EVAL, b"old")
    assert step > 2
    files.close()


def test_a_report_that_was_half_written_is_not_the_report(tmp_path, monkeypatch):
    files = FileResults(tmp_path)
    files.write_report(EVAL, b"old")
    opened = Path.open

    @contextmanager
    def halfway(path, *args, **more):
        with opened(path, *args, **more) as file:
            file.write(b"the ne")
            file.flush()
            raise KilledError
            yield file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", halfway)
        with pytest.raises(KilledError):
            files.write_report(EVAL, b"the new one")
    assert files.read_report(EVAL) == b"old"
    files.close()


def test_a_report_is_whole_whenever_its_writer_is_killed(tmp_path):
    chance = random.Random(5)
    files = FileResults(tmp_path)
    for _ in range(6):
        process = script(REPORTS, tmp_path)
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.15))
        kill(process)
        report = files.read_report(EVAL)
        assert report is None or report in {b"a" * 2_000_000, b"b" * 2_000_000}
    files.open_journal(EVAL, []).close()
    assert sorted(p.name for p in (tmp_path / EVAL).iterdir()) == ["journal", "lock", "report.json", "shards"]
    files.close()


def test_a_disk_that_fills_up_ends_the_run_and_loses_nothing_recorded(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(200))
    with running_endpoint(answer="echo", words=2000) as endpoint:
        plan = write_plan(
            tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[model("m", endpoint.base_url)], scorers=[{"contains": {}}]
        )  # fmt: skip
        full = finish(start("run", plan, "--json", "--data-dir", tmp_path / "data", most_bytes=1_000_000))
        recorded = {record.prompt for record in recorded_answers(tmp_path / "data")}
        endpoint.reset()
        done = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
        asked = set(endpoint.prompts())
    assert full.status == 1
    assert [line.split(":")[0] for line in full.errors] == ["error[journal_write]"]
    assert "Traceback" not in full.err
    assert full.report["state"] == "failed"
    assert full.report["units"][0]["counts"]["answered"] == len(recorded) > 20
    assert done.status == 0, done.err
    assert done.report["units"][0]["counts"]["answered"] == 200
    assert asked == {row["input"] for row in sums(200)} - recorded


def test_a_last_answer_that_could_not_be_written_is_no_success(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(1))
    with running_endpoint(answer="echo", words=40_000) as endpoint:
        plan = write_plan(
            tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[model("m", endpoint.base_url)], scorers=[{"contains": {}}]
        )  # fmt: skip
        full = finish(start("run", plan, "--json", "--data-dir", tmp_path / "data", most_bytes=220_000))
        done = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    assert (full.status, full.report["state"]) == (1, "failed"), full.err
    assert [line.split(":")[0] for line in full.errors] == ["error[journal_write]"]
    assert (done.status, done.report["units"][0]["counts"]["answered"]) == (0, 1)
