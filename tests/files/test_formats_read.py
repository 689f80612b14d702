"""Files in: every format gives the same records, and every damaged file names the line and the way out."""

import csv
import datetime as dt
import decimal
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steelyard.adapters.formats import spreadsheet
from steelyard.adapters.formats import text as text_module
from steelyard.adapters.formats.read import read_records
from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file_of(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def records(tmp_path, name, data, **options):
    return list(read_records(file_of(tmp_path, name, data), **options))


def refused(tmp_path, name, data, **options):
    with pytest.raises(InputError) as caught:
        records(tmp_path, name, data, **options)
    assert caught.value.hint
    assert name in caught.value.where
    return caught.value


# --- JSON Lines


def test_jsonl_counts_empty_lines_but_skips_them(tmp_path):
    found = records(tmp_path, "a.jsonl", '{"a":1}\n\n  \r\n[{"b":2}]\r\n{"c":3}')
    assert found == [RawRecord(1, {"a": 1}), RawRecord(4, [{"b": 2}]), RawRecord(5, {"c": 3})]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a" 1}', "column 6"),
        ('{"问题": 1,}', "column 10"),
        ('{"a": "cut', "cut off after column 10"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": NaN}', "column 7"),
        ('{"a": 1e999}', "too large"),
        ('{"a": "x\0y"}', "NUL byte (column 9)"),
        ('{"a": 1} {"b": 2}', "column 10"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "not a number"),
        ("null", "not null"),
        ("true", "not true or false"),
        ('"text"', "not text"),
    ],
)
def test_jsonl_names_line_and_place_of_a_broken_line(tmp_path, line, said):
    good, bad, after = records(tmp_path, "a.jsonl", '{"a":0}\n' + line + '\n{"a":2}\n', file="up.jsonl")
    assert (good, after) == (RawRecord(1, {"a": 0}), RawRecord(3, {"a": 2}))
    assert isinstance(bad, RowProblem)
    assert (bad.file, bad.line) == ("up.jsonl", 2)
    assert said in bad.reason


def test_jsonl_truncated_last_line_is_a_problem(tmp_path):
    _, bad = records(tmp_path, "a.jsonl", '{"a":1}\n{"a":2')
    assert (bad.line, "cut off" in bad.reason) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_over_the_limit_is_named_and_the_next_one_read(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr(text_module, "LINE_LIMIT", 50)
    for length in (120, 51, 30):
        data = json.dumps({"a": "x" * length}) + '\n{"b":1}\n'
        first, second = records(tmp_path, "a.jsonl", data.encode(encoding))
        assert second == RawRecord(2, {"b": 1})
        assert (
            isinstance(first, RawRecord)
            if length == 30
            else first == RowProblem(first.file, 1, "", "the line is longer than 64 MB")
        )


# --- JSON documents


def test_json_array_gives_elements_with_their_lines(tmp_path):
    data = '[\n  {"a": 1},\n  {"a":\n 2},\n\n  7, [{"prompt": "x"}]\n]\n'
    first, second, bad, turns = records(tmp_path, "a.json", data)
    assert (first, second, turns) == (RawRecord(2, {"a": 1}), RawRecord(3, {"a": 2}), RawRecord(6, [{"prompt": "x"}]))
    assert (bad.line, bad.reason) == (6, "must be a JSON object or an array of turns, not a number")


def test_json_on_one_line_is_one_array_of_rows(tmp_path):
    assert records(tmp_path, "a.json", '[{"a": 1}, {"a": 2}]') == [RawRecord(1, {"a": 1}), RawRecord(1, {"a": 2})]


@pytest.mark.parametrize("data", ['{"a":1}\n{"a":2}\n', '[{"prompt":"a"}]\n[{"prompt":"b"}]\n'])
def test_json_lines_in_a_json_file_are_read_as_lines(tmp_path, data):
    assert [record.line for record in records(tmp_path, "a.json", data)] == [1, 2]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ('[\n {"a": 1},\n {"a": }\n]', "a.json:3"),
        ('[\n {"a": 1}\n {"a": 2}\n]', "a.json:3"),
        ('[{"a": 1}\n]\nrest', "a.json:3"),
        ('[\n{"a": 1},', "a.json:2"),
        ('{\n "a": 1\n}', "a.json"),
        ("[]", "a.json"),
    ],
)
def test_a_broken_json_document_is_refused_with_its_line(tmp_path, data, where):
    assert refused(tmp_path, "a.json", data).where.endswith(where)


# --- Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.json"])
def test_every_encoding_gives_the_same_text(tmp_path, encoding, name):
    rows = [{"prompt": f"plain {i}"} for i in range(5)] + [{"prompt": "天地玄黄，宇宙洪荒 😀"}, {"prompt": "日月盈昃"}]
    lines = {
        "a.jsonl": [json.dumps(row, ensure_ascii=False) for row in rows],
        "a.csv": ["prompt", *(row["prompt"] for row in rows)],
    }
    body = json.dumps(rows, ensure_ascii=False, indent=1) if name == "a.json" else "\n".join(lines[name]) + "\n"
    boms = {
        "utf-16-le-bom": b"\xff\xfe" + body.encode("utf-16-le"),
        "utf-16-be-bom": b"\xfe\xff" + body.encode("utf-16-be"),
    }
    found = records(tmp_path, name, boms.get(encoding) or body.encode(encoding))
    assert [record.value for record in found] == rows


def test_gb18030_is_found_however_late_its_first_byte_comes(tmp_path):
    head = b'{"a":"' + b"x" * 1000 + b'"}\n'
    found = records(tmp_path, "a.jsonl", head * 3000 + '{"a":"汉字在后"}\n'.encode("gb18030"))
    assert found[-1] == RawRecord(3001, {"a": "汉字在后"})


def test_a_line_of_another_encoding_is_a_problem_not_garbled_text(tmp_path):
    utf8, gb = '{"a":"天地玄黄"}\n'.encode(), '{"a":"天地玄黄"}\n'.encode("gb18030")
    mostly_utf8 = records(tmp_path, "a.jsonl", utf8 + gb + utf8)
    assert [isinstance(found, RowProblem) for found in mostly_utf8] == [False, True, False]
    assert "byte 7 of the line (0xCC) is not UTF-8" in mostly_utf8[1].reason
    mostly_gb = records(tmp_path, "a.jsonl", gb + utf8 + gb)
    assert [isinstance(found, RowProblem) for found in mostly_gb] == [False, True, False]
    assert mostly_gb[2].value == {"a": "天地玄黄"}


@pytest.mark.parametrize("texts", [["déjà vu", "café crème brûlée"], ["élève", "naïf", "crème"]])
def test_western_one_byte_text_is_not_read_as_chinese(tmp_path, texts):
    data = "".join(json.dumps({"a": text}, ensure_ascii=False) + "\n" for text in [*texts, "plain"])
    found = records(tmp_path, "a.jsonl", data.encode("latin-1"))
    assert [type(one) for one in found] == [RowProblem] * len(texts) + [RawRecord]


def test_a_bad_byte_in_a_csv_cell_refuses_that_row_alone(tmp_path):
    data = '题目,答案\n"天\n地",玄\n'.encode() + b'"a\n\xffb",c\n' + "宇,宙\n".encode()
    first, bad, last = records(tmp_path, "a.csv", data)
    assert first == RawRecord(2, {"题目": "天\n地", "答案": "玄"})
    assert (bad.line, "0xFF" in bad.reason) == (4, True)
    assert last == RawRecord(6, {"题目": "宇", "答案": "宙"})


def test_traditional_characters_in_gbk_are_read(tmp_path):
    found = records(tmp_path, "a.jsonl", '{"a":"龍國學書與讀"}\n'.encode("gb18030"))
    assert found == [RawRecord(1, {"a": "龍國學書與讀"})]


def test_utf16_cut_within_a_character_is_a_problem(tmp_path):
    found = records(tmp_path, "a.jsonl", '{"a":1}\n{"a":2}\n'.encode("utf-16") + b"\x41")
    assert isinstance(found[-1], RowProblem)
    assert "UTF-16" in found[-1].reason


def test_utf32_is_refused(tmp_path):
    assert refused(tmp_path, "a.jsonl", '{"a":1}'.encode("utf-32")).error_code == "unknown_encoding"


# --- CSV and TSV


def test_csv_rows_carry_the_line_they_begin_on(tmp_path):
    data = 'q,a\r\n"one\r\ntwo",1\r\n\r\n,,\r\nthree,\r\n,\r\n"say ""hi"", you",4\r\n'
    found = records(tmp_path, "a.csv", data)
    assert found[0] == RawRecord(2, {"q": "one\r\ntwo", "a": "1"})
    assert (found[1].line, found[1].reason) == (5, "has 3 cells, the header has 2")
    assert found[2:] == [RawRecord(6, {"q": "three", "a": None}), RawRecord(8, {"q": 'say "hi", you', "a": "4"})]


def test_csv_problems_are_named_by_line(tmp_path):
    found = records(tmp_path, "a.csv", 'q,a\n1\n"x"y,2\nn\0ul,3\n4,4\n')
    assert [(one.line, one.reason.split(":")[0]) for one in found[:3]] == [
        (2, "has 1 cells, the header has 2"),
        (3, "broken quoting"),
        (4, "holds a NUL byte"),
    ]
    assert found[3] == RawRecord(5, {"q": "4", "a": "4"})


def test_csv_with_an_open_quote_is_refused_since_the_rest_cannot_be_told_apart(tmp_path):
    error = refused(tmp_path, "a.csv", 'q,a\n1,2\n"open,2\n3,4\n5,6\n')
    assert error.where.endswith("a.csv:3")


def test_tsv_is_separated_by_tabs(tmp_path):
    assert records(tmp_path, "a.tsv", "q\ta,b\n1\t2,3\n") == [RawRecord(2, {"q": "1", "a,b": "2,3"})]


@pytest.mark.parametrize("header", ["q,,a", "q,a,q", "q;a", "q\ta", "q,a,"])
def test_an_unusable_header_is_refused(tmp_path, header):
    error = refused(tmp_path, "a.csv", header + "\n1,2,3\n")
    assert (error.error_code, error.where.endswith("a.csv:1")) == ("bad_header", True)


# --- XLSX and XLS


def workbook(tmp_path, *sheets):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for cells in sheets:
            sheet = book.add_worksheet()
            for (row, column), value in cells.items():
                if isinstance(value, str):
                    sheet.write_string(row, column, value)
                else:
                    sheet.write(row, column, value)
    return path


def test_xlsx_takes_the_first_sheet_with_data_and_its_row_numbers(tmp_path):
    path = workbook(
        tmp_path, {}, {(2, 1): "q", (2, 2): "a", (4, 1): "x", (4, 2): 3, (5, 1): True, (6, 2): 2.5}, {(0, 0): "other"}
    )
    found = list(read_records(path))
    assert found == [
        RawRecord(5, {"q": "x", "a": 3}),
        RawRecord(6, {"q": True, "a": None}),
        RawRecord(7, {"q": None, "a": 2.5}),
    ]
    assert isinstance(found[0].value["a"], int)


def test_xlsx_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheet, "UNPACKED_LIMIT", 1000)
    with pytest.raises(InputError) as caught:
        list(read_records(workbook(tmp_path, {(0, 0): "q", (1, 0): "x"})))
    assert caught.value.error_code == "too_large"


def test_xlsx_cells_beyond_the_header_are_a_problem(tmp_path):
    found = list(read_records(workbook(tmp_path, {(0, 0): "q", (1, 0): "x", (1, 2): "y", (2, 0): "z"})))
    assert found == [
        RowProblem(str(tmp_path / "a.xlsx"), 2, "", "has 3 cells, the header has 1"),
        RawRecord(3, {"q": "z"}),
    ]


@pytest.mark.parametrize("cells", [{(0, 0): "q", (0, 1): "q"}, {(0, 0): "q", (0, 2): "a"}])
def test_xlsx_with_an_unusable_header_is_refused(tmp_path, cells):
    with pytest.raises(InputError) as caught:
        list(read_records(workbook(tmp_path, cells)))
    assert caught.value.error_code == "bad_header"


def test_xlsx_without_any_cell_is_refused(tmp_path):
    with pytest.raises(InputError) as caught:
        list(read_records(workbook(tmp_path, {})))
    assert caught.value.error_code == "empty_file"


# --- Parquet


def test_parquet_values_become_plain_json(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "q": ["x", None],
            "score": [float("nan"), 1.5],
            "day": [dt.date(2024, 1, 2), None],
            "price": [decimal.Decimal("3.00"), decimal.Decimal("0.25")],
            "messages": [[{"role": "user", "content": "hi", "name": None}], None],
        }
    )
    pq.write_table(table, path)
    assert list(read_records(path)) == [
        RawRecord(
            1,
            {"q": "x", "score": None, "day": "2024-01-02", "price": 3, "messages": [{"role": "user", "content": "hi"}]},
        ),
        RawRecord(2, {"q": None, "score": 1.5, "day": None, "price": 0.25, "messages": None}),
    ]


def test_parquet_bytes_that_are_no_text_are_a_problem_of_that_row(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"q": [b"ok", b"\xff", "字".encode()]}), path)
    first, bad, last = read_records(path)
    assert (first.value, last.value, bad.line, bad.column) == ({"q": "ok"}, {"q": "字"}, 2, "q")


# --- The door itself


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.xlsx", "a.xls", "a.parquet"])
def test_an_empty_file_is_refused_in_every_format(tmp_path, name):
    assert refused(tmp_path, name, b"").error_code == "empty_file"


@pytest.mark.parametrize(("name", "data"), [("a.jsonl", "\n \n"), ("a.csv", "q,a\n"), ("a.csv", "\n\n")])
def test_a_file_without_rows_is_refused(tmp_path, name, data):
    assert refused(tmp_path, name, data).error_code == "empty_file"


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.parquet"])
def test_a_damaged_binary_file_is_refused(tmp_path, name):
    assert refused(tmp_path, name, b"PK\x03\x04 this is not what it says").error_code == "bad_file"


def test_what_is_no_readable_file_is_refused_at_once(tmp_path):
    for path, format_, code in [
        (tmp_path / "none.jsonl", "auto", "no_such_file"),
        (tmp_path, "jsonl", "not_a_file"),
        (file_of(tmp_path, "a.docx", "x"), "auto", "unknown_format"),
        (file_of(tmp_path, "b.jsonl", "x"), "yaml", "unknown_format"),
    ]:
        with pytest.raises(InputError) as caught:
            read_records(path, format_)
        assert (caught.value.error_code, bool(caught.value.hint)) == (code, True)


def test_the_shown_name_tells_the_format_of_an_upload(tmp_path):
    assert list(read_records(file_of(tmp_path, "upload-17", "q\n1\n"), file="Rows.CSV")) == [RawRecord(2, {"q": "1"})]


# --- Properties

line_text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
sheet_text = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"]), max_size=30).filter(
    lambda s: "_x" not in s
)
names = st.lists(
    st.sampled_from(["prompt", "答案", "c 3", 'quo"te', "x,y", "level"]), min_size=2, max_size=4, unique=True
)


@st.composite
def tables(draw, cell):
    header = draw(names)
    cells = st.one_of(st.none(), cell.filter(bool))
    rows = draw(
        st.lists(st.lists(cells, min_size=len(header), max_size=len(header)).filter(any), min_size=1, max_size=6)
    )
    return [dict(zip(header, row, strict=True)) for row in rows]


json_values = line_text | st.integers() | st.booleans() | st.none() | st.lists(line_text, max_size=3)


@quick
@given(st.lists(st.dictionaries(line_text, json_values, max_size=4), min_size=1, max_size=6))
def test_jsonl_round_trip(tmp_path, rows):
    data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert [record.value for record in records(tmp_path, "a.jsonl", data)] == rows


@quick
@given(tables(line_text), st.sampled_from(["\n", "\r\n"]))
def test_csv_round_trip(tmp_path, rows, end):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    assert [record.value for record in records(tmp_path, "a.csv", out.getvalue())] == rows


@quick
@given(tables(sheet_text))
def test_xlsx_round_trip(tmp_path, rows):
    cells = {(0, column): name for column, name in enumerate(rows[0])}
    for index, row in enumerate(rows, 1):
        cells.update({(index, column): value for column, value in enumerate(row.values()) if value is not None})
    assert [record.value for record in read_records(workbook(tmp_path, cells))] == rows


@quick
@given(tables(line_text))
def test_parquet_round_trip(tmp_path, rows):
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in rows[0]])), tmp_path / "a.parquet"
    )
    assert [record.value for record in read_records(tmp_path / "a.parquet")] == rows


@quick
@given(st.binary(max_size=300), st.sampled_from(["jsonl", "json", "csv", "tsv", "xlsx", "xls", "parquet"]))
def test_any_bytes_give_records_problems_or_a_clear_refusal(tmp_path, data, format_):
    path = file_of(tmp_path, "a.bin", data)
    found = []
    hints = []
    try:
        found.extend(read_records(path, format_))
    except InputError as error:
        hints.append(error.hint)
    assert all(isinstance(one, (RawRecord, RowProblem)) and one.line >= 1 for one in found)
    assert all(hints)
    assert found or hints
