"""What every results store keeps to: recorded is readable at once and for ever, the newest record counts, one writer."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import zlib
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.adapters.store import journal as journal_module
from steelyard.adapters.store import results as results_module
from steelyard.adapters.store.results import FileResults
from steelyard.adapters.store.shards import compact, shard_range
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.errors import ConflictError, StorageError
from steelyard.domain.score import ScoreRecord
from steelyard.ports.journal import UnitShape

EVAL = "ame-test"
SIGNATURES = ["exact|v1", "bleu|v1"]
LAYOUTS = ["live", "closed", "compacted", "many_parts"]


def answer(position, *, turn=0, repeat=0, unit=0, text="yes", failure="", epoch=1, **more):
    return AnswerRecord(
        unit, f"row-{position}", position, repeat, turn, key=f"k{position}", prompt=f"问题 {position}\n?",
        text=None if failure else text, failure=failure, epoch=epoch, **more,
    )  # fmt: skip


def scores_of(record, *values, first=0):
    key = (record.unit, record.row_id, record.position, record.repeat, record.turn)
    return [
        ScoreRecord(*key, first + i, value, "" if value is not None else "no_reference", epoch=record.epoch)
        for i, value in enumerate(values)
    ]


class Store:
    """A store in one of the layouts that results pass through; `written` brings it there."""

    def __init__(self, root, layout, patch):
        self.root, self.layout = root, layout
        self.results = FileResults(root)
        self.folder = root / EVAL
        self._open = []
        if layout == "compacted":
            patch.setattr(results_module, "COMPACT_RECORDS", 1)
        elif layout == "many_parts":
            patch.setattr(journal_module, "PART_RECORDS", 3)

    def write(self, *pairs):
        writer = self.results.open_journal(EVAL, SIGNATURES)
        for record, scores in pairs:
            writer.append(record, scores)
        if self.layout in {"live", "many_parts"} and not self._open:
            self._open.append(writer)
        else:
            writer.close()

    def close(self):
        for writer in self._open:
            writer.close()
        self._open.clear()

    def shards(self):
        return sorted(r for p in (self.folder / "shards").iterdir() if (r := shard_range(p)))

    def parts(self):
        return sorted((self.folder / "journal").glob("*.jsonl"))


@pytest.fixture(params=LAYOUTS)
def store(request, tmp_path, monkeypatch):
    made = Store(tmp_path / "evaluations", request.param, monkeypatch)
    yield made
    made.close()
    made.results.close()


@pytest.fixture
def files(tmp_path):
    made = FileResults(tmp_path / "evaluations")
    yield made
    made.close()


def ten():
    out = []
    for position in range(10):
        if position % 4 == 3:
            out.append((answer(position, failure="timeout", message="late", attempts=2, latency_ms=5.0), []))
        else:
            record = answer(position, text=f"答案 {position}", prompt_tokens=10, completion_tokens=2, latency_ms=7.5)
            out.append((record, scores_of(record, 1.0, 0.25 * (position % 3))))
    return out


def test_answers_come_back_as_they_were_appended(store):
    pairs = ten()
    store.write(*pairs)
    assert list(store.results.answers(EVAL)) == [record for record, _ in pairs]


def test_scores_come_back_with_their_signature(store):
    pairs = ten()
    store.write(*pairs)
    found = [(signature, s.position, s.value, s.reason) for signature, s in store.results.scores(EVAL)]
    assert found == [(SIGNATURES[s.scorer], s.position, s.value, s.reason) for _, scores in pairs for s in scores]


def test_answers_and_scores_are_narrowed_to_unit_and_positions(store):
    pairs = [(record, scores_of(record, 1.0)) for u in (0, 1) for p in range(8) if (record := answer(p, unit=u))]
    store.write(*pairs)
    wanted = [(1, 2), (1, 3), (1, 4)]
    assert [(r.unit, r.position) for r in store.results.answers(EVAL, 1, (2, 5))] == wanted
    assert [(s.unit, s.position) for _, s in store.results.scores(EVAL, 1, (2, 5))] == wanted
    assert [r.position for r in store.results.answers(EVAL, 0)] == list(range(8))


def test_recorded_says_which_answers_and_scores_are_there(store):
    store.write(*ten())
    (known,) = store.results.recorded(EVAL, [UnitShape(12, 1)])
    assert list(known.answered) == [1] * 10 + [0, 0]
    assert list(known.scored["exact|v1"]) == [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 0]
    assert (known.n_answered, known.n_failed) == (8, 2)
    assert (known.prompt_tokens, known.completion_tokens) == (80, 16)


def test_recorded_keeps_repeats_turns_and_units_apart(store):
    places = [(0, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 1), (1, 2, 0, 0)]
    store.write(*((answer(p, unit=u, repeat=r, turn=t), []) for u, p, r, t in places))
    first, second = store.results.recorded(EVAL, [UnitShape(3, 2), UnitShape(3, 2)])
    assert list(first.answered) == [1, 2, 0, 0, 0, 0]
    assert list(second.answered) == [0, 0, 0, 0, 1, 0]


def test_summary_and_arrays_give_the_figures_of_one_unit(store):
    store.write(*ten(), (answer(0, unit=1, prompt_tokens=999), []))
    summary = store.results.summary(EVAL, 0, UnitShape(10, 1))
    assert (summary.answered, summary.failed, summary.failures) == (8, 2, {"timeout": 2})
    assert (summary.prompt_tokens, summary.completion_tokens, summary.answers_without_usage) == (80, 16, 0)
    assert summary.retried == 2
    assert list(summary.latency_ms) == [7.5] * 8
    exact, bleu = store.results.score_arrays(EVAL, 0, UnitShape(10, 1), SIGNATURES)
    assert list(exact.position) == list(bleu.position) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert list(bleu.value) == [0.25 * (p % 3) for p in bleu.position]
    assert exact.scored.all()


def test_the_newest_record_of_a_key_counts_once(store):
    store.write((answer(0, failure="timeout", attempts=3), []), (answer(1), scores_of(answer(1), 0.0, 0.0)))
    later = answer(0, text="at last", epoch=2, prompt_tokens=4, completion_tokens=1)
    store.close()
    store.write((later, scores_of(later, 1.0, 1.0)), (answer(1, text="anew", epoch=2), scores_of(answer(1), 1.0, 0.5)))
    shape = UnitShape(2, 1)
    summary = store.results.summary(EVAL, 0, shape)
    assert (summary.answered, summary.failed, summary.failures, summary.retried) == (2, 0, {}, 0)
    exact, bleu = store.results.score_arrays(EVAL, 0, shape, SIGNATURES)
    assert (list(exact.value), list(bleu.value)) == ([1.0, 1.0], [1.0, 0.5])
    (known,) = store.results.recorded(EVAL, [shape])
    assert (known.n_answered, known.n_failed, list(known.answered)) == (2, 0, [1, 1])
    assert [r.text for r in store.results.answers(EVAL)][-2:] == ["at last", "anew"]


def test_the_commonest_messages_of_each_reason_are_counted_and_cut(store):
    said = ["b"] * 3 + ["a\n twice "] * 2 + ["a twice", "x" * 500, "x" * 500, "once", ""]
    failed = [(answer(p, failure="refused", message=text), []) for p, text in enumerate(said)]
    late = [(answer(10 + p, failure="timeout", message="late"), []) for p in range(2)]
    store.write((answer(20), []), *failed, (answer(21), []), *late, (answer(22), []))
    found = store.results.summary(EVAL, 0, UnitShape(30, 1)).messages
    assert {reason: [(one.message, one.count) for one in messages] for reason, messages in found.items()} == {
        "refused": [("a twice", 3), ("b", 3), ("x" * 199 + "…", 2)],
        "timeout": [("late", 2)],
    }


def test_messages_of_failures_that_were_answered_later_are_forgotten(store):
    store.write(*((answer(p, failure="timeout", message="late"), []) for p in range(3)))
    store.close()
    store.write((answer(0, epoch=2), []), (answer(1, failure="refused", message="too long", epoch=2), []))
    found = store.results.summary(EVAL, 0, UnitShape(3, 1)).messages
    assert {reason: [(one.message, one.count) for one in messages] for reason, messages in found.items()} == {
        "refused": [("too long", 1)],
        "timeout": [("late", 1)],
    }


def test_messages_keep_their_place_after_answers_that_came_earlier(store):
    store.write(*((answer(p), []) for p in range(4)))
    store.close()
    store.write((answer(4, failure="timeout", message="late"), []), (answer(5, failure="refused", message="no"), []))
    store.close()
    found = store.results.summary(EVAL, 0, UnitShape(9, 1)).messages
    assert {reason: [one.message for one in messages] for reason, messages in found.items()} == {
        "refused": ["no"],
        "timeout": ["late"],
    }


def test_retrying_forgets_failures_and_the_turns_after_them(store):
    store.write(
        (answer(0, turn=0), []), (answer(0, turn=1, failure="timeout"), []), (answer(0, turn=2, failure="earlier_turn"), []),
        (answer(1, turn=0), []), (answer(1, turn=1), []), (answer(1, turn=2), []),
    )  # fmt: skip
    (known,) = store.results.recorded(EVAL, [UnitShape(2, 1)], retry_failed=True)
    assert (list(known.answered), known.n_answered, known.n_failed) == ([1, 3], 4, 0)
    store.close()
    store.write((answer(0, turn=1, epoch=2), []))
    (known,) = store.results.recorded(EVAL, [UnitShape(2, 1)], retry_failed=True)
    assert (list(known.answered), known.n_answered) == ([2, 3], 5)
    (known,) = store.results.recorded(EVAL, [UnitShape(2, 1)])
    assert (list(known.answered), known.n_answered, known.n_failed) == ([3, 3], 5, 1)


def test_sums_kept_beside_scores_survive_rows_without_a_score(store):
    empty, full = answer(0), answer(1)
    store.write(
        (empty, scores_of(empty, None, first=1)),
        (full, [ScoreRecord(0, full.row_id, 1, 0, 0, 1, 0.5, parts=(1.0, 2.0, 3.0))]),
    )
    _, bleu = store.results.score_arrays(EVAL, 0, UnitShape(2, 1), SIGNATURES)
    assert list(bleu.scored) == [False, True]
    assert bleu.unscored == {"no_reference": 1}
    assert bleu.parts.tolist() == [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]


def test_scores_of_a_later_writer_keep_their_own_signatures(store):
    store.write((answer(0), scores_of(answer(0), 1.0, 1.0)))
    store.close()
    writer = store.results.open_journal(EVAL, ["new|v1"])
    writer.append_scores(scores_of(answer(0), 0.5))
    writer.close()
    assert [(s, r.value) for s, r in store.results.scores(EVAL)] == [
        ("exact|v1", 1.0),
        ("bleu|v1", 1.0),
        ("new|v1", 0.5),
    ]


def test_a_missing_score_of_an_early_turn_is_not_hidden_by_a_later_one(files):
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(0, turn=0), [])
    writer.append(answer(0, turn=1), scores_of(answer(0, turn=1), 1.0))
    writer.close()
    (known,) = files.recorded(EVAL, [UnitShape(1, 1)])
    assert list(known.answered) == [2]
    assert list(known.scored["exact|v1"]) == [0]


def test_nothing_is_recorded_of_an_evaluation_that_never_began(files):
    (known,) = files.recorded(EVAL, [UnitShape(3, 1)])
    assert list(known.answered) == [0, 0, 0]
    assert list(files.answers(EVAL)) == []
    assert files.summary(EVAL, 0, UnitShape(3, 1)).answered == 0
    (column,) = files.score_arrays(EVAL, 0, UnitShape(3, 1), ["exact|v1"])
    assert len(column.value) == 0
    assert not files.is_locked(EVAL)
    assert files.read_report(EVAL) is None


def test_an_append_is_recorded_before_the_loops_next_round_ends(files):
    async def work():
        writer = files.open_journal(EVAL, SIGNATURES)
        writer.append(answer(0), scores_of(answer(0), 1.0, 1.0))
        await asyncio.sleep(0)
        seen = len(list(files.answers(EVAL)))
        writer.append(answer(1), [])
        writer.flush()
        flushed = len(list(files.answers(EVAL)))
        writer.close()
        return seen, flushed

    assert asyncio.run(work()) == (1, 2)


# What a kill leaves behind.


def whole_lines(data):
    return data.count(b"\n")


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=4),
    cut=st.integers(min_value=0),
    junk=st.binary(max_size=6),
)
def test_a_torn_tail_costs_only_what_it_tore(tmp_path_factory, texts, cut, junk):
    root = tmp_path_factory.mktemp("torn")
    files = FileResults(root)
    writer = files.open_journal(EVAL, SIGNATURES)
    for position, text in enumerate(texts):
        writer.append(answer(position, text=text), scores_of(answer(position), 1.0))
    writer.close()
    (part,) = (root / EVAL / "journal").glob("*.jsonl")
    data = part.read_bytes()
    torn = data[: cut % (len(data) + 1)]
    part.write_bytes(torn + junk.replace(b"\n", b""))
    whole = max(0, whole_lines(torn) - 1)
    expected = texts[: (whole + 1) // 2]
    assert [r.text for r in files.answers(EVAL)] == expected
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(99, text="after"), [])
    writer.close()
    assert [r.text for r in files.answers(EVAL)] == [*expected, "after"]
    assert len(list(files.scores(EVAL))) == whole // 2
    assert torn.startswith(part.read_bytes()), "the repaired part ends with its last whole line"
    files.close()


def test_every_cut_of_the_last_line_is_repaired(tmp_path):
    files = FileResults(tmp_path)
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(0), [])
    writer.append(answer(1), [])
    writer.close()
    part = tmp_path / EVAL / "journal" / "000001.jsonl"
    data = part.read_bytes()
    start = data.rindex(b"\n", 0, -1) + 1
    for cut in range(start, len(data)):
        for leftover in (tmp_path / EVAL / "journal").glob("*.jsonl"):
            leftover.unlink()
        part.write_bytes(data[:cut])
        files.open_journal(EVAL, SIGNATURES).close()
        assert part.read_bytes() == data[:start]
        (known,) = files.recorded(EVAL, [UnitShape(2, 1)])
        assert list(known.answered) == [1, 0]
    files.close()


@settings(max_examples=60, deadline=None)
@given(line=st.integers(0, 6), at=st.integers(0, 1000), value=st.integers(1, 255))
def test_a_damaged_line_is_passed_over_and_its_row_counts_as_missing(tmp_path_factory, line, at, value):
    root = tmp_path_factory.mktemp("damaged")
    files = FileResults(root)
    writer = files.open_journal(EVAL, SIGNATURES)
    for position in range(3):
        writer.append(answer(position), scores_of(answer(position), 1.0))
    writer.close()
    part = root / EVAL / "journal" / "000001.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    hurt = bytearray(lines[line])
    hurt[at % (len(hurt) - 1)] ^= value
    lines[line] = bytes(hurt)
    part.write_bytes(b"".join(lines))
    (known,) = files.recorded(EVAL, [UnitShape(3, 1)])
    lost = [(line - 1) // 2] if line % 2 == 1 else []
    assert list(known.answered) == [0 if p in lost else 1 for p in range(3)]
    marks = known.scored.get("exact|v1", bytes(3))
    unscored = range(3) if line == 0 else [line // 2 - 1] if line % 2 == 0 else []
    assert list(marks) == [0 if p in unscored else 1 for p in range(3)]
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(7), [])
    writer.close()
    assert [r.position for r in files.answers(EVAL)] == [p for p in range(3) if p not in lost] + [7]
    files.close()


def test_a_dialogue_whose_first_turn_is_damaged_is_asked_again_from_there(files, tmp_path):
    writer = files.open_journal(EVAL, SIGNATURES)
    for turn in range(3):
        writer.append(answer(0, turn=turn), [])
    writer.close()
    part = tmp_path / "evaluations" / EVAL / "journal" / "000001.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([lines[0], lines[1][:20] + b"#" + lines[1][21:], *lines[2:]]))
    (known,) = files.recorded(EVAL, [UnitShape(1, 1)])
    assert (list(known.answered), known.n_answered) == ([0], 0)


def test_the_lines_checksum_is_crc32_of_what_follows(files, tmp_path):
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(0), [])
    writer.close()
    for line in (tmp_path / "evaluations" / EVAL / "journal" / "000001.jsonl").read_bytes().splitlines():
        assert int(line[:8], 16) == zlib.crc32(line[9:])
        msgspec.json.decode(line[10:])


def test_parts_left_by_kills_beside_a_full_part_are_compacted_without_overlap(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "PART_RECORDS", 4)
    monkeypatch.setattr(results_module, "COMPACT_RECORDS", 1)
    root = tmp_path / "evaluations"
    position = 0
    for round_number in range(4):
        # What a killed writer leaves: a part that nobody compacted, before and after parts that were full.
        folder = root / EVAL / "journal"
        killed = FileResults(tmp_path / f"other-{round_number}")
        writer = killed.open_journal(EVAL, SIGNATURES)
        for _ in range(2):
            writer.append(answer(position), scores_of(answer(position), float(position % 2)))
            position += 1
        left = next((tmp_path / f"other-{round_number}" / EVAL / "journal").glob("*.jsonl"))
        numbers = [int(p.stem) for p in folder.glob("*.jsonl")] if folder.exists() else []
        shards = [r[1] for p in (root / EVAL / "shards").glob("*") if (r := shard_range(p))]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{max([0, *numbers, *shards]) + 1:06d}.jsonl").write_bytes(left.read_bytes())
        if round_number % 2 == 0:
            continue
        files = FileResults(root)
        writer = files.open_journal(EVAL, SIGNATURES)
        for _ in range(9):
            writer.append(answer(position), scores_of(answer(position), float(position % 2)))
            position += 1
        writer.close()
        files.close()
    files = FileResults(root)
    ranges = sorted(r for p in (root / EVAL / "shards").iterdir() if (r := shard_range(p)))
    assert all(a[1] < b[0] for a, b in pairwise(ranges)), ranges
    assert list((root / EVAL / "journal").glob("*.jsonl")) == []
    assert [r.position for r in files.answers(EVAL)] == list(range(position))
    assert [s.position for _, s in files.scores(EVAL)] == list(range(position))
    files.close()


def test_readers_lose_nothing_while_parts_are_compacted_under_them(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "PART_RECORDS", 5)
    files, reader = FileResults(tmp_path), FileResults(tmp_path)
    written = 0
    ended = threading.Event()
    problems = []

    def read():
        while not ended.is_set():
            before = written
            seen = {r.position for r in reader.answers(EVAL)}
            if not seen >= set(range(before)):
                problems.append(sorted(set(range(before)) - seen))

    thread = threading.Thread(target=read)
    writer = files.open_journal(EVAL, SIGNATURES)
    thread.start()
    for position in range(400):
        writer.append(answer(position), [])
        written = position + 1
    writer.close()
    files.close()
    ended.set()
    thread.join()
    reader.close()
    assert problems == []


def test_a_part_that_is_compacted_between_two_looks_is_read_from_its_shard(files, tmp_path, monkeypatch):
    writer = files.open_journal(EVAL, SIGNATURES)
    for position in range(5):
        writer.append(answer(position), scores_of(answer(position), 1.0))
    writer.close()
    folder, opened = tmp_path / "evaluations" / EVAL, Path.open

    def compacts_first(path, *args, **more):
        if path.suffix == ".jsonl":
            monkeypatch.undo()
            compact([path], folder / "shards")
        return opened(path, *args, **more)

    monkeypatch.setattr(Path, "open", compacts_first)
    assert [record.position for record in files.answers(EVAL)] == list(range(5))
    assert not list((folder / "journal").iterdir())


# One writer.

HOLD = """
import sys, time
from pathlib import Path
from steelyard.adapters.store.results import FileResults
writer = FileResults(Path(sys.argv[1])).open_journal("ame-test", ["exact|v1"])
print(writer.epoch, flush=True)
time.sleep(60)
"""


def held(root):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def test_a_second_writer_is_refused_until_the_first_is_dead(files, tmp_path):
    process, epoch = held(tmp_path / "evaluations")
    try:
        assert files.is_locked(EVAL)
        with pytest.raises(ConflictError) as refused:
            files.open_journal(EVAL, SIGNATURES)
        assert refused.value.error_code == "evaluation_locked"
        assert str(process.pid) in refused.value.message
        with pytest.raises(ConflictError):
            files.delete(EVAL)
        assert list(files.answers(EVAL)) == [], "readers need no lock"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert not files.is_locked(EVAL)
    writer = files.open_journal(EVAL, SIGNATURES)
    assert writer.epoch == epoch + 1
    writer.close()


def test_two_tasks_of_one_process_cannot_both_write(files):
    writer = files.open_journal(EVAL, SIGNATURES)
    with pytest.raises(ConflictError):
        files.open_journal(EVAL, SIGNATURES)
    writer.close()
    files.open_journal(EVAL, SIGNATURES).close()


def test_the_epoch_grows_at_every_opening(files):
    epochs = []
    for _ in range(12):
        writer = files.open_journal(EVAL, SIGNATURES)
        epochs.append(writer.epoch)
        writer.close()
    assert epochs == list(range(1, 13))


def test_asking_whether_it_is_locked_never_keeps_a_writer_out(files):
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            files.is_locked(EVAL)

    thread = threading.Thread(target=ask)
    files.open_journal(EVAL, SIGNATURES).close()
    thread.start()
    try:
        for _ in range(100):
            files.open_journal(EVAL, SIGNATURES).close()
    finally:
        ended.set()
        thread.join()


# A disk that takes no more.

FULL = """
import asyncio, resource, sys
from pathlib import Path
from steelyard.adapters.store.results import FileResults
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.errors import StorageError

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

async def main():
    writer = FileResults(Path(sys.argv[1])).open_journal("ame-test", ["exact|v1"])
    try:
        for position in range(1000):
            writer.append(AnswerRecord(0, f"row-{position}", position, text="x" * 200), ())
            await asyncio.sleep(0)
            print(position, flush=True)
    except StorageError as error:
        print(error.error_code, flush=True)
    try:
        writer.close()
    except StorageError as error:
        print("close", error.error_code, flush=True)

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_loses_nothing_recorded(files, tmp_path):
    root = tmp_path / "evaluations"
    done = subprocess.run([sys.executable, "-c", FULL, str(root)], capture_output=True, text=True, check=True)
    said = done.stdout.split()
    assert done.stderr == ""
    assert said[-3:] == ["journal_write", "close", "journal_write"]
    # The round whose write failed printed its number before anybody could know.
    told = [int(word) for word in said[:-3]]
    found = [r.position for r in files.answers(EVAL)]
    assert found == told[:-1]
    assert len(found) > 50
    assert (root / EVAL / "journal" / "000001.jsonl").read_bytes().endswith(b"\n")
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(len(found)), [])
    writer.close()
    assert [r.position for r in files.answers(EVAL)] == list(range(len(found) + 1))


def test_a_write_error_that_nobody_saw_yet_is_told_by_flush_and_close(files, monkeypatch):
    writer = files.open_journal(EVAL, SIGNATURES)

    def full(_fd, _data):
        raise OSError(28, "No space left on device")

    async def last_append():
        writer.append(answer(0), [])
        monkeypatch.setattr(os, "write", full)
        writer.append(answer(1), [])
        with pytest.raises(StorageError, match="No space left"):
            writer.flush()

    asyncio.run(last_append())
    with pytest.raises(StorageError):
        writer.append(answer(2), [])
    with pytest.raises(StorageError):
        writer.close()
    monkeypatch.undo()
    assert not files.is_locked(EVAL)


def test_a_disk_too_full_to_compact_keeps_the_parts(files, tmp_path, monkeypatch):
    monkeypatch.setattr(results_module, "COMPACT_RECORDS", 1)

    def full(_parts, _folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results_module, "compact", full)
    writer = files.open_journal(EVAL, SIGNATURES)
    writer.append(answer(0), [])
    writer.close()
    assert [r.position for r in files.answers(EVAL)] == [0]


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "evaluations").write_text("a file where the folder should be")
    files = FileResults(tmp_path / "evaluations")
    with pytest.raises(StorageError, match="cannot be written"):
        files.open_journal(EVAL, SIGNATURES)
    with pytest.raises(StorageError, match="report cannot be written"):
        files.write_report(EVAL, b"{}")
    files.close()


# Reports and removal.


def test_a_report_is_replaced_whole(files, tmp_path):
    files.write_report(EVAL, b"one")
    files.write_report(EVAL, b"second")
    assert files.read_report(EVAL) == b"second"
    assert [p.name for p in Path(tmp_path / "evaluations" / EVAL).iterdir()] == ["report.json"]


def test_deleting_leaves_nothing(store):
    store.write(*ten())
    store.close()
    store.results.delete(EVAL)
    assert not store.folder.exists()
    assert list(store.results.answers(EVAL)) == []
    store.results.delete(EVAL)


def test_arrays_are_sorted_whatever_the_order_of_recording(store):
    order = [5, 1, 4, 0, 3, 2]
    store.write(*((answer(p), scores_of(answer(p), p / 10)) for p in order))
    (column,) = store.results.score_arrays(EVAL, 0, UnitShape(6, 1), ["exact|v1"])
    assert list(column.position) == sorted(order)
    assert np.allclose(column.value, np.arange(6) / 10)


def test_the_layouts_are_what_they_are_named(store):
    store.write(*ten())
    if store.layout == "many_parts":
        store.close()
    live, shards = len(store.parts()), store.shards()
    assert (live > 0, len(shards)) == {
        "live": (True, 0),
        "closed": (True, 0),
        "compacted": (False, 1),
        "many_parts": (True, 3),
    }[store.layout]
