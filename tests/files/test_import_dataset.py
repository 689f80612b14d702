"""A file becomes a data set: through the formats, the rows and the store, by the use case that the faces call."""

import bz2
import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steelyard.adapters.formats.read import read_records
from steelyard.adapters.store.rows import FileRowStore
from steelyard.domain.errors import InputError, RowsRefusedError
from steelyard.domain.row import Message, Turn
from steelyard.services.datasets import import_dataset


class Records:
    """Data set records in a list."""

    def __init__(self):
        self.all = []

    def add(self, record):
        self.all.append(record)

    def find_by_content(self, workspace_id, kind, content_hash, name=None):
        wanted = (workspace_id, kind, content_hash)
        found = [r for r in self.all if (r.workspace_id, r.kind, r.content_hash) == wanted and name in (None, r.name)]
        return found[-1] if found else None


class Place:
    """A store, the records, and one call that imports a file."""

    def __init__(self, root):
        self.rows = FileRowStore(root / "rows")
        self.datasets = Records()

    def add(self, path, *, workspace="ws-1", name="set", kind="general", **options):
        return import_dataset(
            rows=self.rows,
            datasets=self.datasets,
            workspace_id=workspace,
            created_by="us-1",
            now="2025-01-01T00:00:00+00:00",
            name=name,
            kind=kind,
            records=read_records(path),
            file=path.name,
            **options,
        )

    def read(self, path, **options):
        return list(self.rows.read(self.add(path, **options)[1].id))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def jsonl(path, values):
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))
    return path


def table(folder, name, rows):
    """Writes the same table in any format."""
    path = folder / name
    header = list(rows[0])
    if path.suffix == ".jsonl":
        return jsonl(path, rows)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=2))
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-16" if path.suffix == ".tsv" else "utf-8-sig") as file:
            writer = csv.DictWriter(file, header, delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for line, values in enumerate([header, *([row[name] for name in header] for row in rows)]):
                for column, value in enumerate(values):
                    sheet.write_string(line, column, value or "")
    else:
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in header])), path)
    return path


FORMATS = ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.xlsx", "a.parquet"]
cell = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=20).filter(
    lambda s: not s.isspace() and "_x" not in s
)
single = st.fixed_dictionaries(
    {"prompt": cell, "answer": cell | st.none(), "category": cell | st.none(), "note": cell | st.none()}
)
session = st.lists(single, min_size=1, max_size=3)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(single, min_size=1, max_size=5))
def test_equal_rows_are_one_version_whatever_the_format(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("place")
    place = Place(folder)
    stored = {place.add(table(folder, name, rows))[1].id for name in FORMATS}
    assert len(stored) == 1
    found = list(place.rows.read(stored.pop()))
    assert [(row.turns[0].input, row.turns[0].references, row.category, row.columns) for row in found] == [
        (
            row["prompt"],
            (row["answer"],) if row["answer"] else (),
            row["category"],
            {"note": row["note"]} if row["note"] else {},
        )
        for row in rows
    ]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(session, min_size=1, max_size=3))
def test_sessions_and_messages_are_one_version_whatever_the_format(tmp_path_factory, sessions):
    folder = tmp_path_factory.mktemp("place")
    place = Place(folder)
    turns = [
        {"session_id": f"s{i}", "prompt": row["prompt"], "answer": row["answer"]}
        for i, rows in enumerate(sessions)
        for row in rows
    ]
    stored = {place.add(table(folder, name, turns))[1].id for name in FORMATS}
    assert len(stored) == 1
    assert [len(row.turns) for row in place.rows.read(stored.pop())] == [len(rows) for rows in sessions]

    chats = [
        {
            "messages": json.dumps(
                [{"role": "user", "content": row["prompt"]} for row in rows[:1]], ensure_ascii=False
            ),
            "parameters": '{"top_k": 1}',
        }
        for rows in sessions
    ]
    stored = {place.add(table(folder, name, chats))[1].id for name in FORMATS}
    assert len(stored) == 1
    assert [row.turns[0].input for row in place.rows.read(stored.pop())] == [rows[0]["prompt"] for rows in sessions]


def test_parquet_messages_need_no_json_text(place, tmp_path):
    path = tmp_path / "a.parquet"
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "2"},
    ]
    pq.write_table(
        pa.table({"messages": [[*messages, {"role": "user", "content": "3"}]], "reference": [["a", "b"]]}), path
    )
    (row,) = place.read(path)
    assert (row.system, row.history) == ("s", (Message("user", "1"), Message("assistant", "2")))
    assert row.turns == (Turn("3", ("a", "b")),)


def test_a_large_file_broken_in_the_middle_is_refused_with_its_line(place, tmp_path):
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for line in range(1, 200_001):
            if line == 100_003:
                file.write('{"prompt": "torn\n')
            elif line == 150_001:
                file.write('{"prompt": null}\n')
            else:
                file.write(f'{{"id":{line},"prompt":"question {line}","answer":"{line}"}}\n')
    with pytest.raises(RowsRefusedError) as caught:
        place.add(path)
    assert [(found.line, found.column) for found in caught.value.problems] == [(100_003, ""), (150_001, "prompt")]
    assert caught.value.count == 2
    assert place.datasets.all == []
    assert list((tmp_path / "rows" / "versions").iterdir()) == []
    record, manifest = place.add(path, on_bad_rows="drop")
    assert (record.row_count, manifest.rejected_count) == (199_998, 2)
    assert next(place.rows.read(manifest.id, 100_002)).id == "100004"


def test_the_record_says_what_was_stored(place, tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "a", "level": 1}])
    record, manifest = place.add(path, name="july")
    assert (record.id[:3], record.version_id, manifest.id[:3]) == ("dg-", manifest.id, "ds-")
    assert (record.name, record.kind, record.row_count, record.content_hash) == (
        "july",
        "general",
        1,
        manifest.content_hash,
    )
    assert (record.workspace_id, record.created_by, record.created_at) == ("ws-1", "us-1", "2025-01-01T00:00:00+00:00")
    assert (manifest.source, manifest.columns) == ("a.jsonl", ("level",))


def test_the_same_content_and_name_is_one_record_in_a_workspace_and_its_own_in_another(place, tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "a"}])
    first, _ = place.add(path)
    again, _ = place.add(path)
    renamed, _ = place.add(path, name="other name")
    back, _ = place.add(path)
    elsewhere, _ = place.add(path, workspace="ws-2")
    as_results, _ = place.add(path, kind="result_set")
    assert again == back == first
    assert (renamed.id != first.id, renamed.name, renamed.version_id) == (True, "other name", first.version_id)
    assert (elsewhere.id != first.id, elsewhere.version_id) == (True, first.version_id)
    assert as_results.version_id != first.version_id
    assert len(place.datasets.all) == 4


def test_a_result_set_keeps_answers_and_notes_missing_ones(place, tmp_path):
    rows = place.read(
        jsonl(tmp_path / "a.jsonl", [{"prompt": "q", "response": "p", "answer": "r"}, {"prompt": "s", "answer": "t"}]),
        kind="result_set",
    )
    assert [row.turns[0] for row in rows] == [Turn("q", ("r",), "p"), Turn("s", ("t",))]


def test_mapping_reaches_the_rows(place, tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [{"q_text": "q", "gold": "g"}])
    (row,) = place.read(path, mapping={"input": "q_text", "reference": "gold"})
    assert row.turns == (Turn("q", ("g",)),)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": " "}, "no_name"),
        ({"kind": "special"}, "unknown_kind"),
        ({"on_bad_rows": "ignore"}, "unknown_choice"),
        ({"mapping": {"reference": "golden"}}, "unknown_column"),
        ({"mapping": {"colour": "prompt"}}, "unknown_mapping"),
    ],
)
def test_wrong_choices_are_refused_and_nothing_is_stored(place, tmp_path, options, code):
    path = jsonl(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "a"}])
    with pytest.raises(InputError) as caught:
        place.add(path, **options)
    assert (caught.value.error_code, bool(caught.value.hint)) == (code, True)
    assert place.datasets.all == []
    assert list((tmp_path / "rows" / "versions").iterdir()) == []


def test_a_file_of_an_unknown_format_is_refused_with_its_name(tmp_path, place):
    path = tmp_path / "a.jsonl.bz2"
    path.write_bytes(bz2.compress(b'{"prompt":"q"}'))
    with pytest.raises(InputError) as caught:
        place.add(path)
    assert caught.value.error_code == "unknown_format"


def documented():
    """The JSON lines of the reference page with the kind of data set they stand for."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "data-rows.md").read_text()
    general, result_sets = page.split("## Result sets")
    for kind, part in (("general", general), ("result_set", result_sets)):
        for block in re.findall(r"```json\n(.*?)```", part, re.DOTALL):
            yield kind, block


def test_every_documented_example_is_read(tmp_path):
    blocks = list(documented())
    assert len(blocks) == 6
    for index, (kind, block) in enumerate(blocks):
        path = tmp_path / f"{index}.jsonl"
        for position, example in enumerate(
            [block] if "session_id" in block or kind == "general" else block.splitlines()
        ):
            path.write_text(example)
            rows = Place(tmp_path / f"{index}-{position}").read(path, kind=kind)
            assert all(turn.references for row in rows for turn in row.turns)
            if kind == "result_set":
                assert [(row.turns[0].references, row.turns[0].answer) for row in rows] in (
                    [(("2",), "2")],
                    [(("2",), "it is 2")],
                )
