"""Names, lists, versions and columns that are called otherwise."""

from pathlib import Path

import pytest
from tests.support.command import steelyard, write_rows

PLAN = 'name: {name}\ndataset: {file}\n{more}objects: [{{endpoint: "builtin:echo"}}]\nscorers: [exact]\n'


def plan_of(folder: Path, name: str = "n", file: str = "rows.csv", more: str = "") -> Path:
    plan = folder / "plan.yaml"
    plan.write_text(PLAN.format(name=name, file=file, more=more), "utf-8")
    return plan


def test_columns_with_other_names_are_mapped_in_the_plan_and_at_import(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("编号,题目,标准答案\n1,你好,你好\n2,a,b\n".encode("gb18030"))
    refused = steelyard("run", plan_of(tmp_path), "--data-dir", tmp_path / "data")
    assert refused.status == 2
    plan = plan_of(tmp_path, more="mapping: {id: 编号, input: 题目, reference: 标准答案}\n")
    said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    assert said.status == 0, said
    assert said.report["units"][0]["metrics"][0]["value"] == 0.5
    mapped = ["--mapping", "input=题目", "--mapping", "reference=标准答案", "--mapping", "id=编号"]
    added = steelyard("dataset", "add", tmp_path / "rows.csv", *mapped, "--data-dir", tmp_path / "data")
    assert said.report["units"][0]["dataset_version_id"] in added.out


@pytest.mark.parametrize("pair", ["input", "=x", "input="])
def test_a_mapping_that_is_none_is_refused(tmp_path: Path, pair: str) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"input": "a", "reference": "a"}])
    said = steelyard("dataset", "add", tmp_path / "rows.jsonl", "--mapping", pair, "--data-dir", tmp_path / "data")
    assert said.status == 2
    assert "--mapping" in said.err


def test_a_new_name_for_the_same_plan_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"input": "a", "reference": "a"}])
    data = ("--data-dir", tmp_path / "data")
    steelyard("run", plan_of(tmp_path, "old", "rows.jsonl"), *data)
    said = steelyard("run", plan_of(tmp_path, "new", "rows.jsonl"), *data)
    assert said.status == 0
    assert "'old'" in said.err
    assert "'new'" in said.err
    (line,) = steelyard("evaluations", *data).out.splitlines()
    assert [part for part in line.split("\t") if not part.startswith("ame-")][0::2] == ["succeeded", "new"]


def test_reading_makes_no_data_directory(tmp_path: Path) -> None:
    for command in (["evaluations"], ["report", "x"], ["samples", "x"], ["compare", "x", "y"]):
        said = steelyard(*command, "--data-dir", tmp_path / "typo")
        assert said.status == 2, command
        assert "check --data-dir" in said.err
    assert not (tmp_path / "typo").exists()


def test_the_version_is_printed() -> None:
    said = steelyard("--version")
    assert said.status == 0
    assert said.out.startswith("steelyard 0.")


@pytest.mark.parametrize("gate", ["acuracy=0.5", "exact=80"])
def test_a_gate_that_no_scorer_gives_is_refused_before_anything_is_asked(tmp_path: Path, gate: str) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"input": "a", "reference": "a"}])
    said = steelyard("run", plan_of(tmp_path, file="rows.jsonl"), "--fail-under", gate, "--data-dir", tmp_path / "data")
    assert said.status == 2
    assert steelyard("evaluations", "--data-dir", tmp_path / "data").out == ""
