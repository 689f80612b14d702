"""A plan that names a preset needs nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.presets import layouts
from tests.support.command import model, steelyard, write_plan
from tests.support.endpoint import running_endpoint

if TYPE_CHECKING:
    from pathlib import Path


def fetch(name: str, source: Path, data: Path) -> None:
    said = steelyard("preset", "fetch", name, "--from", source, "--data-dir", data)
    assert said.status == 0, said.err


def test_gsm8k_runs_without_scorers_or_template(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fetch("gsm8k", layouts.gsm8k(tmp_path / "mine", rows=4), data)
    # Right for three of four: 600, 601, 602, and wrong for 603.
    answers = {f"{n} pears": f"Twice {n}.\n#### {2 * n}" for n in (600, 601, 602)} | {"603 pears": "#### 1205"}
    with running_endpoint(answer_map=answers) as endpoint:
        plan = write_plan(tmp_path / "plan.yaml", dataset="preset:gsm8k", objects=[model("m", endpoint.base_url)])
        said = steelyard("run", plan, "--json", "--data-dir", data)
        body = json.loads(endpoint.last()["body"])
    assert said.status == 0, said.err
    unit = said.report["units"][0]
    assert unit["dataset"] == "gsm8k"
    assert [(m["name"], m["value"], m["n"]) for m in unit["metrics"]] == [("numeric", 0.75, 4)]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant"] * 5 + ["user"]


def test_one_subject_of_ceval_runs_against_the_scripted_model(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fetch("ceval/law", layouts.ceval(tmp_path / "mine"), data)
    plan = write_plan(
        tmp_path / "plan.yaml",
        dataset="preset:ceval/law",
        objects=[model("m", "builtin:scripted?answer=答案：B")],
    )
    said = steelyard("run", plan, "--json", "--data-dir", data)
    assert said.status == 0, said.err
    metric = said.report["units"][0]["metrics"][0]
    assert (metric["name"], metric["value"], metric["n"]) == ("choice", 0.25, 8)
    assert "letters=ABCD" in metric["signature"]


def test_presets_beside_each_other_are_scored_and_grouped_each_in_its_own_way(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fetch("gsm8k", layouts.gsm8k(tmp_path / "a"), data)
    fetch("ceval/law", layouts.ceval(tmp_path / "b"), data)
    plan = write_plan(
        tmp_path / "plan.yaml",
        datasets=[{"ref": "preset:gsm8k"}, {"ref": "preset:ceval/law"}],
        objects=[model("m", "builtin:scripted?answer=B")],
    )
    said = steelyard("run", plan, "--json", "--data-dir", data)
    assert said.status == 0, said.err
    assert [u["metrics"][0]["name"] for u in said.report["units"]] == ["numeric", "choice"]
    abilities = {score["ability"] for score in said.report["abilities"]}
    assert {"推理数学 Reasoning and mathematics", "综合能力 General ability"} <= abilities


def test_the_plans_own_scorers_come_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fetch("gsm8k", layouts.gsm8k(tmp_path / "a"), data)
    plan = write_plan(
        tmp_path / "plan.yaml", dataset="preset:gsm8k", scorers=["contains"], objects=[model("m", "builtin:echo")]
    )
    said = steelyard("run", plan, "--json", "--data-dir", data)
    assert said.status == 0, said.err
    assert [m["name"] for m in said.report["units"][0]["metrics"]] == ["contains"]


def test_the_rows_of_another_hash_are_other_rows(tmp_path: Path) -> None:
    data = tmp_path / "data"
    layouts.gsm8k(data / "presets/mine")
    text = {
        "preset": 1, "name": "mine", "version": 1, "title": {"en": "Mine", "zh": "我的"}, "group": "reasoning", "languages": ["en"],
        "licence": "own", "source": {}, "files": {"test": ["test.jsonl"]}, "fields": {"answer": "answer", "answer_after": "####"},
        "prompt": {"user": "{question}"}, "scorers": ["numeric"],
    }  # fmt: skip
    plan = write_plan(tmp_path / "plan.yaml", dataset="preset:mine", objects=[model("m", "builtin:echo")])
    versions = []
    for version in (1, 2):
        write_plan(data / "presets/mine.yaml", **{**text, "version": version})
        said = steelyard("run", plan, "--json", "--data-dir", data)
        assert said.status == 0, said.err
        versions.append(said.report["units"][0]["dataset_version_id"])
    assert versions[0] != versions[1]


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for reference, code, words in (
        ("preset:gsm9k", "unknown_preset", "gsm8k"),
        ("preset:gsm8k", "preset_not_fetched", "steelyard preset fetch gsm8k"),
        ("preset:ceval/alchemy", "unknown_subset", "law"),
        ("preset:gsm8k/main", "unknown_subset", "no subsets"),
    ):
        plan = write_plan(tmp_path / "plan.yaml", dataset=reference, objects=[model("m", "builtin:echo")])
        said = steelyard("run", plan, "--data-dir", data)
        assert said.status == 2
        assert len(said.errors) == 1
        assert said.errors[0].startswith(f"error[{code}]")
        assert words in said.errors[0]


def test_list_and_show_speak_both_languages(tmp_path: Path) -> None:
    english = steelyard("preset", "list", "--data-dir", tmp_path)
    chinese = steelyard("preset", "list", "--data-dir", tmp_path, STEELYARD_LANG="zh")
    assert len(english.out.splitlines()) == len(chinese.out.splitlines()) == 15
    assert "Knowledge" in english.out
    assert "知识能力" in chinese.out
    shown = steelyard("preset", "show", "mmlu", "--data-dir", tmp_path)
    assert "log-likelihood" in shown.out
    assert "abstract_algebra" in shown.out
    assert "choice|letters=ABCD" in shown.out
    assert "对数似然" in steelyard("preset", "show", "mmlu", "--data-dir", tmp_path, STEELYARD_LANG="zh").out
    assert json.loads(steelyard("preset", "list", "--json", "--data-dir", tmp_path).out)[0]["hash"]
