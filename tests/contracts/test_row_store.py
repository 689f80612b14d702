"""What every row store keeps to: whole versions or none, one copy of equal content, ids that are unique, rows by position."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.adapters.store.rows import FileRowStore
from steelyard.domain.errors import ConflictError, InputError, NotFoundError, RowsRefusedError, StorageError
from steelyard.domain.row import Message, Row, RowProblem, Turn
from steelyard.flow.rows.identity import content_id

IMPLEMENTATIONS = {"files": FileRowStore}


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def store(request, tmp_path):
    return IMPLEMENTATIONS[request.param](tmp_path / "rows")


def row(text, id_="", position=0, **more):
    made = Row(id=id_, position=position, turns=(Turn(text, (text.upper(),)),), **more)
    return made if id_ else Row(id=content_id(made), position=position, turns=made.turns, **more)


def bad(line):
    return RowProblem("f.jsonl", line, "prompt", "is empty")


def write(store, rows, version="ds-a", kind="general", drop_bad=False, name="n"):
    return store.write(version, kind, name, iter(rows), source="f.jsonl", drop_bad=drop_bad)


def gone(store, version="ds-a"):
    with pytest.raises(NotFoundError):
        store.manifest(version)
    with pytest.raises(NotFoundError):
        store.read(version)
    return True


def left_behind(tmp_path):
    """Files that no version needs."""
    root = tmp_path / "rows"
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and path.name != "lock" and path.parent.parent.name != "versions"
    ]


def test_rows_come_back_as_they_went_in(store):
    rows = [
        Row(
            id="a",
            position=0,
            turns=(Turn("q", ("r", "s"), "p"), Turn([{"type": "text", "text": "x"}])),
            system="s",
            history=(Message("user", "u"), Message("assistant", "v")),
            category="c",
            group_id="g",
            session_id="t",
            params={"temperature": 0.1, "stop": ["\n"]},
            columns={"z": 1, "a": [None, {"k": 2.5}], "big": 2**70, "text": "字\u2028😀"},
        ),
        row("plain", "b", 1),
    ]
    manifest = write(store, rows)
    assert list(store.read("ds-a")) == rows
    assert store.manifest("ds-a") == manifest
    assert (manifest.row_count, manifest.turn_count, manifest.multi_turn, manifest.has_references) == (2, 3, True, True)
    assert (manifest.columns, manifest.source, manifest.name, manifest.kind) == (
        ("z", "a", "big", "text"),
        "f.jsonl",
        "n",
        "general",
    )
    assert manifest.size_bytes > 0
    assert manifest.created_at


def test_a_version_without_references_says_so(store):
    manifest = write(store, [Row(id="a", position=0, turns=(Turn("q"),))])
    assert (manifest.has_references, manifest.multi_turn) == (False, False)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, None),
        (0, 0),
        (5, 5),
        (999, 1001),
        (1000, 1002),
        (2000, None),
        (2499, 9999),
        (2500, None),
        (1, 2500),
        (7, 3),
        (-5, 2),
    ],
)
def test_any_stretch_of_rows_is_read_by_position(store, start, stop):
    write(store, [row(f"q{i}", f"i{i}", i) for i in range(2500)])
    expected = list(range(2500))[max(start, 0) : 2500 if stop is None else stop]
    assert [(found.position, found.id) for found in store.read("ds-a", start, stop)] == [(i, f"i{i}") for i in expected]


def test_positions_count_the_rows_that_are_kept(store):
    write(store, [row("a", "a", 0), bad(2), row("b", "b", 5), row("c", "c", 1)], drop_bad=True)
    assert [found.position for found in store.read("ds-a")] == [0, 1, 2]


# --- Bad rows


def test_refusing_looks_at_the_whole_file_and_leaves_nothing(store, tmp_path):
    seen = count()

    def rows():
        for line in range(1, 1001):
            next(seen)
            yield bad(line) if line % 4 == 0 else row(f"q{line}")

    with pytest.raises(RowsRefusedError) as caught:
        write(store, rows())
    error = caught.value
    assert next(seen) == 1000
    assert error.count == 250
    assert [problem.line for problem in error.problems] == list(range(4, 401, 4))
    assert "f.jsonl:4" in error.message
    assert error.hint
    assert gone(store)
    assert not left_behind(tmp_path)


def test_dropping_keeps_the_good_rows_and_counts_the_others(store):
    manifest = write(store, [bad(line) if line % 2 else row(f"q{line}") for line in range(300)], drop_bad=True)
    assert (manifest.row_count, manifest.rejected_count, len(manifest.rejected)) == (150, 150, 100)
    assert manifest.rejected[0] == bad(1)
    assert store.manifest("ds-a").rejected == manifest.rejected


@pytest.mark.parametrize("rows", [[], [bad(1), bad(2)]])
def test_a_version_needs_a_usable_row(store, tmp_path, rows):
    with pytest.raises(InputError) as caught:
        write(store, rows, drop_bad=True)
    assert caught.value.error_code == "no_rows"
    assert gone(store)
    assert not left_behind(tmp_path)


def test_an_error_while_rows_stream_in_leaves_nothing(store, tmp_path):
    def rows():
        yield row("a")
        raise InputError("a quoted cell is never closed", hint="close it")

    with pytest.raises(InputError):
        write(store, rows())
    assert gone(store)
    assert not left_behind(tmp_path)


# --- One copy of equal content


def test_equal_content_is_stored_once(store):
    first = write(store, [row("a"), row("b")])
    again = write(store, [row("a"), bad(2), row("b")], "ds-b", name="other", drop_bad=True)
    assert (again.id, again.name, again.content_hash) == ("ds-a", "n", first.content_hash)
    assert (again.rejected_count, store.manifest("ds-a").rejected_count) == (1, 0)
    assert gone(store, "ds-b")


def test_the_hash_does_not_depend_on_the_order_of_columns(store):
    first = write(store, [row("a", columns={"x": 1, "y": {"k": 1, "l": 2}}, params={"seed": 1, "top_k": 2})])
    again = write(store, [row("a", columns={"y": {"l": 2, "k": 1}, "x": 1}, params={"top_k": 2, "seed": 1})], "ds-b")
    assert again.id == first.id


@pytest.mark.parametrize(
    "other",
    [
        [row("b"), row("a")],
        [row("a")],
        [row("a"), row("c")],
        [row("a"), row("b", "own-id")],
        [row("a"), row("b", system="s")],
        [row("a"), row("b", params={"seed": 1})],
        [row("a"), row("b", columns={"x": 1})],
        [row("a"), row("b", history=(Message("user", "x"),))],
        [row("a"), Row(id=row("b").id, position=1, turns=(Turn("b", ("B",), "predicted"),))],
    ],
)
def test_all_that_changes_results_changes_the_hash(store, other):
    first = write(store, [row("a"), row("b")])
    assert write(store, other, "ds-b").content_hash != first.content_hash
    assert store.manifest("ds-b").id == "ds-b"


def test_equal_rows_of_another_kind_are_another_version(store):
    assert write(store, [row("a")]).content_hash != write(store, [row("a")], "ds-b", kind="result_set").content_hash
    assert store.manifest("ds-b").kind == "result_set"


def test_content_can_be_stored_again_once_it_is_deleted(store):
    write(store, [row("a")])
    store.delete("ds-a")
    store.delete("ds-a")
    assert gone(store)
    assert write(store, [row("a")], "ds-b").id == "ds-b"
    assert [found.turns[0].input for found in store.read("ds-b")] == ["a"]


def test_reading_goes_on_while_the_version_is_deleted(store):
    write(store, [row(f"q{i}") for i in range(3000)])
    reading = store.read("ds-a")
    next(reading)
    store.delete("ds-a")
    assert sum(1 for _ in reading) == 2999


def test_a_version_is_never_overwritten(store):
    write(store, [row("a")])
    with pytest.raises(ConflictError):
        write(store, [row("b")])
    assert next(store.read("ds-a")).turns[0].input == "a"


@pytest.mark.parametrize("version", ["ds-none", "", "../ds-a", "a/b", ".", "x" * 200])
def test_unknown_or_odd_ids_are_not_found(store, version):
    assert gone(store, version)


def test_an_id_never_leads_out_of_the_folder(store):
    write(store, [row("a")])
    for version in ("../versions/ds-a", "./ds-a", "ds-a/"):
        assert gone(store, version)


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        FileRowStore(tmp_path / "file" / "rows")


# --- Ids


def ids(store, rows, version="ds-a"):
    write(store, rows, version)
    return [found.id for found in store.read(version)]


def test_equal_rows_are_told_apart_by_their_occurrence(store):
    h = content_id(row("a"))
    assert ids(store, [row("a"), row("b"), row("a"), row("a")]) == [h, content_id(row("b")), f"{h}-2", f"{h}-3"]


def test_ids_that_are_not_unique_give_way_to_the_content(store):
    a, b, c = (content_id(row(text)) for text in "abc")
    assert ids(store, [row("a", "7"), row("b", "7"), row("c", "8"), row("a", "7"), row("c")]) == [
        a,
        b,
        "8",
        f"{a}-2",
        c,
    ]


def test_a_made_id_never_meets_one_that_a_row_has_chosen(store):
    h = content_id(row("a"))
    found = ids(store, [row("b", f"{h}-2"), row("a"), row("a"), row("c", h)])
    assert len(set(found)) == 4
    assert found[0] == f"{h}-2"


def test_lines_that_move_keep_their_ids(store):
    first = ids(store, [row("a"), row("b", "7"), row("c", "7"), row("d")])
    moved = ids(store, [row("d"), row("c", "7"), row("x"), row("b", "7"), row("a")], "ds-b")
    assert set(first) < set(moved)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(["", "1", "2", content_id(row("a")), content_id(row("a")) + "-2"])
        ),
        min_size=1,
    )
)
def test_ids_are_unique_and_unique_ones_are_kept(tmp_path_factory, pairs):
    store = FileRowStore(tmp_path_factory.mktemp("rows"))
    given_rows = [row(text, id_) for text, id_ in pairs]
    found = ids(store, given_rows)
    wanted = [one.id for one in given_rows]
    assert len(set(found)) == len(found)
    assert all(got == want for got, want in zip(found, wanted, strict=True) if wanted.count(want) == 1)


# --- Kills

IMPORT = """
import sys
from pathlib import Path
from steelyard.adapters.store.rows import FileRowStore
from steelyard.domain.row import Row, Turn
rows = (Row(id=str(i // 2), position=i, turns=(Turn(f"question {i}"),)) for i in range(30_000))
store = FileRowStore(Path(sys.argv[1]))
print("ready", flush=True)
store.write("ds-a", "general", "n", rows, source="f", drop_bad=False)
print("done", flush=True)
"""


def start_import(folder):
    child = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(folder)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout.readline() == "ready\n"
    return child


DYING = """
import os, stat, sys
left = int(sys.argv[2])
sync = os.fsync
def dying(handle):
    global left
    left -= 1
    if left == 0:
        # As a power cut would: what is not synced yet is lost.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.ftruncate(handle, 0)
        os._exit(9)
    sync(handle)
os.fsync = dying
"""


def test_a_death_at_any_step_leaves_all_or_nothing(tmp_path):
    for step in range(1, 30):
        root = tmp_path / str(step) / "rows"
        script = DYING + IMPORT.replace("30_000", "30")
        died = subprocess.run(
            [sys.executable, "-c", script, str(root), str(step)], check=False, capture_output=True
        ).returncode
        complete = [folder.name for folder in (root / "versions").iterdir()]
        store = FileRowStore(root)
        assert [store.manifest(version).row_count for version in complete] == [30] * len(complete)
        assert [sum(1 for _ in store.read(version)) for version in complete] == [30] * len(complete)
        assert write(store, [row("a")], "ds-b").row_count == 1
        if died == 0:
            break
        assert died == 9
    assert complete == ["ds-a"]
    assert step > 5


def test_a_killed_import_leaves_all_or_nothing(tmp_path):
    with start_import(tmp_path / "rows") as child:
        started = time.monotonic()
        assert child.stdout.readline() == "done\n"
    whole = time.monotonic() - started
    expected = FileRowStore(tmp_path / "rows").manifest("ds-a")
    chance = random.Random(7)
    for index in range(8):
        folder = tmp_path / f"killed-{index}" / "rows"
        with start_import(folder) as child:
            time.sleep(chance.uniform(0, whole))
            child.send_signal(signal.SIGKILL)
        store = FileRowStore(folder)
        assert not [path for path in (folder / "importing").iterdir() if path.is_dir()]
        try:
            assert store.manifest("ds-a").content_hash == expected.content_hash
            assert sum(1 for _ in store.read("ds-a")) == 30_000
        except NotFoundError:
            assert write(store, [row("a")], "ds-b").row_count == 1


def test_opening_the_store_leaves_a_running_import_alone(tmp_path):
    with start_import(tmp_path / "rows") as child:
        while child.poll() is None:
            FileRowStore(tmp_path / "rows")
    assert child.returncode == 0
    assert FileRowStore(tmp_path / "rows").manifest("ds-a").row_count == 30_000


def test_a_look_up_without_its_version_is_ignored(tmp_path):
    store = FileRowStore(tmp_path / "rows")
    manifest = write(store, [row("a")])
    (tmp_path / "rows" / "versions" / "ds-a").rename(tmp_path / "elsewhere")
    assert write(store, [row("a")], "ds-b").id == "ds-b"
    assert manifest.content_hash == store.manifest("ds-b").content_hash
