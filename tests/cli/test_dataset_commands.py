"""`dataset` as a person meets it: look, import with a mapping, list the bad rows, export, import again."""

import json
import zipfile

import pytest
from tests.support.command import steelyard

ROWS = '{"题目": "1+1=?", "标准答案": "2", "level": 1}\n{"题目": "2+2=?", "标准答案": "4", "level": 2}\n'
MAPPING = ("--mapping", "input=题目", "--mapping", "reference=标准答案")


@pytest.fixture
def data(tmp_path):
    return ("--data-dir", tmp_path / "data")


def version_of(said):
    assert said.status == 0, said.err
    return next(line.split(":")[0] for line in said.out.splitlines() if line.startswith("ds-"))


def test_a_preview_tells_roles_rows_and_problems_and_stores_nothing(tmp_path, data):
    file = tmp_path / "a.csv"
    file.write_text("prompt,answer,难度\nq1,a,1\n,b,2\nq3,c,3\n", "utf-8")
    said = steelyard("dataset", "preview", file, "--json")
    found = json.loads(said.out)
    assert found["roles"] == {"prompt": "input", "answer": "reference", "难度": ""}
    assert [row["turns"][0]["input"] for row in found["rows"]] == ["q1", "q3"]
    assert [(p["file"], p["line"], p["column"]) for p in found["problems"]] == [("a.csv", 3, "prompt")]
    assert (found["problem_count"], found["record_count"]) == (1, 3)
    english = steelyard("dataset", "preview", file, *data)
    chinese = steelyard("dataset", "preview", file, *data, STEELYARD_LANG="zh")
    assert "answer -> reference" in english.out
    assert "a.csv:3: prompt: is missing" in english.out
    assert "其他列" in chinese.out
    assert "a.csv:3" in chinese.out
    assert not (tmp_path / "data").exists()


def test_a_preview_shows_what_a_mapping_changes(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(ROWS, "utf-8")
    without = json.loads(steelyard("dataset", "preview", file, "--json").out)
    assert (without["roles"]["题目"], without["problem_count"]) == ("", 2)
    with_it = json.loads(steelyard("dataset", "preview", file, "--json", *MAPPING).out)
    assert with_it["roles"] == {"题目": "input", "标准答案": "reference", "level": ""}
    assert with_it["rows"][1]["turns"] == [{"input": "2+2=?", "references": ["4"]}]


@pytest.mark.parametrize("given", ["input", "=a", "input=", "colour=题目"])
def test_a_mapping_that_cannot_be_read_is_one_clear_line(tmp_path, data, given):
    (tmp_path / "a.jsonl").write_text(ROWS, "utf-8")
    said = steelyard("dataset", "add", tmp_path / "a.jsonl", "--mapping", given, *data)
    assert (said.status, said.out, len(said.errors)) == (2, "", 1)
    assert "mapping" in said.errors[0]


def test_all_bad_rows_go_to_a_file_with_their_raw_lines(tmp_path, data):
    bad = [f'{{"prompt": null, "n": "{i}"}}' for i in range(150)]
    torn = '{"prompt": "torn'
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("x.jsonl", '{"prompt": "q"}\n' + "\n".join(bad) + "\n")
        packed.writestr("y.csv", "prompt,answer\nq,a\nonly one\n")
        packed.writestr("z.jsonl", torn + "\n" + '{"prompt": "r"}\n')
    out = tmp_path / "errors.jsonl"
    refused = steelyard("dataset", "add", tmp_path / "a.zip", "--errors-out", out, *data)
    assert refused.status == 2
    assert "152 rows cannot be used" in refused.errors[0]
    found = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(one["file"], one["line"], one["raw"]) for one in found] == [
        *(("a.zip!x.jsonl", i + 2, line) for i, line in enumerate(bad)),
        ("a.zip!y.csv", 3, "only one"),
        ("a.zip!z.jsonl", 1, torn),
    ]
    assert all(one["reason"] for one in found)
    assert steelyard("dataset", "list", *data).out == ""
    kept = steelyard("dataset", "add", tmp_path / "a.zip", "--errors-out", out, "--drop-bad", *data)
    assert "3 rows, 152 rejected" in kept.out
    assert len(out.read_text("utf-8").splitlines()) == 152


def test_a_good_file_leaves_an_empty_error_file_and_binary_tables_no_raw_line(tmp_path, data):
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "x": "1"}\n', "utf-8")
    version = version_of(steelyard("dataset", "add", tmp_path / "a.jsonl", "--errors-out", tmp_path / "e", *data))
    assert (tmp_path / "e").read_text() == ""
    assert steelyard("dataset", "export", version, "--out", tmp_path / "b.xlsx", *data).status == 0
    said = steelyard(
        "dataset", "add", tmp_path / "b.xlsx", "--mapping", "input=reference", "--errors-out", tmp_path / "e", *data
    )
    assert said.status == 2
    assert [(one["line"], one["raw"]) for one in map(json.loads, (tmp_path / "e").read_text().splitlines())] == [
        (2, None)
    ]


@pytest.mark.parametrize("name", ["b.jsonl", "b.csv", "b.xlsx", "b.parquet"])
def test_an_export_comes_back_with_equal_rows(tmp_path, data, name):
    (tmp_path / "a.jsonl").write_text(ROWS.replace(": 1}", ': "=1"}').replace(": 2}", ': "2"}'), "utf-8")
    version = version_of(steelyard("dataset", "add", tmp_path / "a.jsonl", *MAPPING, *data))
    said = steelyard("dataset", "export", version, "--out", tmp_path / name, *data)
    assert said.out == f"2 rows written to {tmp_path / name}\n"
    assert version_of(steelyard("dataset", "add", tmp_path / name, *data)) == version
    again = steelyard("dataset", "export", version, "--out", tmp_path / name, *data, STEELYARD_LANG="zh")
    assert "已将 2 行写入" in again.out


def test_an_export_as_a_vendor_takes_it(tmp_path, data):
    (tmp_path / "a.jsonl").write_text(ROWS, "utf-8")
    version = version_of(steelyard("dataset", "add", tmp_path / "a.jsonl", *MAPPING, *data))
    out = tmp_path / "q.jsonl"
    assert steelyard("dataset", "export", version, "--as", "qianfan-prompt-response", "--out", out, *data).status == 0
    assert [json.loads(line) for line in out.read_text("utf-8").splitlines()] == [
        [{"prompt": "1+1=?", "response": "2"}],
        [{"prompt": "2+2=?", "response": "4"}],
    ]
    refused = steelyard("dataset", "export", version, "--as", "qianfan-prompt", "--out", tmp_path / "p.csv", *data)
    assert (refused.status, len(refused.errors)) == (2, 1)
    assert "2 rows cannot be written as qianfan-prompt" in refused.errors[0]
    assert not (tmp_path / "p.csv").exists()
    unknown = steelyard("dataset", "export", version, "--as", "other", "--out", out, *data)
    assert (unknown.status, len(unknown.errors)) == (2, 1)
