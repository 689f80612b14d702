"""What breaks results, plans or paths is told in one line, and never counts as a finished evaluation."""

import shutil
from pathlib import Path

import pytest
from tests.support.command import evaluation_folders, model, steelyard, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint


def inline(folder: Path, text: str, rows: int = 3) -> Path:
    write_rows(folder / "rows.jsonl", sums(rows))
    plan = folder / "plan.yaml"
    plan.write_text(text, "utf-8")
    return plan


ECHO = 'dataset: rows.jsonl\nobjects: [{endpoint: "builtin:echo"}]\nscorers: [exact]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "nested too deeply"),
        (ECHO + "params: &a {x: *a}\n", "nested too deeply"),
        (ECHO.replace('"builtin:echo"', '"builtin:echo", params: {extra_body: {1: a}}'), "a key that is no text"),
        (ECHO.replace("dataset: rows.jsonl", "datasets: [{ref: rows.jsonl, weight: .inf}]"), "not a finite number"),
        (ECHO + 'name: "\\ud800"\n', ""),
    ],
)
def test_a_plan_that_could_not_be_stored_is_refused(tmp_path: Path, text: str, says: str) -> None:
    said = steelyard("run", inline(tmp_path, text), "--data-dir", tmp_path / "data")
    assert said.status == 2, said
    assert said.err.startswith("error[")
    assert says in said.err
    assert "Traceback" not in said.err
    assert evaluation_folders(tmp_path / "data") == []


def test_two_data_sets_keep_their_own_scorers_when_one_changes(tmp_path: Path) -> None:
    write_rows(tmp_path / "other.jsonl", sums(3, start_at=90))
    text = 'datasets: [{ref: rows.jsonl, scorers: [exact]}, {ref: other.jsonl, scorers: [{rouge: {variant: "%s"}}]}]\nobjects: [{endpoint: "builtin:echo"}]\n'
    first = steelyard("run", inline(tmp_path, text % 1), "--json", "--data-dir", tmp_path / "data")
    again = steelyard("run", inline(tmp_path, text % 2), "--json", "--data-dir", tmp_path / "data")
    for said, rouge in ((first, "rouge_1"), (again, "rouge_2")):
        named = [[(m["name"], m["n"]) for m in unit["metrics"]] for unit in said.report["units"]]
        assert named == [[("exact", 3)], [(rouge, 3)]], said


@pytest.mark.parametrize("lost", ["everything", "answers", "scores"])
def test_results_that_were_removed_are_made_again(tmp_path: Path, lost: str) -> None:
    with running_endpoint(answer="sum") as endpoint:
        write_rows(tmp_path / "rows.jsonl", sums(2_500))
        plan = write_plan(
            tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[model("m", endpoint.base_url)], scorers=["exact"]
        )
        run = ("run", plan, "--json", "--data-dir", tmp_path / "data")
        before = steelyard(*run).report["units"][0]["metrics"]
        asked = endpoint.stats()["total"]
        (folder,) = evaluation_folders(tmp_path / "data")
        if lost == "everything":
            shutil.rmtree(folder)
        for shard in folder.glob(f"shards/{lost}-*"):
            shard.unlink()
        after = steelyard(*run)
        assert after.status == 0, after
        assert after.report["units"][0]["metrics"] == before
        assert endpoint.stats()["total"] == asked + (0 if lost == "scores" else 2_500)


def test_a_damaged_shard_is_named_with_a_way_out(tmp_path: Path) -> None:
    plan = inline(tmp_path, ECHO, rows=2_500)
    assert steelyard("run", plan, "--data-dir", tmp_path / "data").status == 0
    (folder,) = evaluation_folders(tmp_path / "data")
    (shard,) = folder.glob("shards/answers-*")
    shard.write_bytes(shard.read_bytes()[:1_000])
    said = steelyard("samples", "evaluation", "--data-dir", tmp_path / "data")
    assert said.status == 1
    assert said.err.startswith("error[damaged_results]")
    assert shard.name in said.err
    shard.unlink()
    assert (
        steelyard("run", plan, "--json", "--data-dir", tmp_path / "data").report["units"][0]["metrics"][0]["n"] == 2_500
    )


@pytest.mark.parametrize("gate", ["exact=nan", "exact=inf", "exact=x"])
def test_a_gate_that_cannot_be_missed_is_no_gate(tmp_path: Path, gate: str) -> None:
    said = steelyard("run", inline(tmp_path, ECHO), "--fail-under", gate, "--data-dir", tmp_path / "data")
    assert said.status == 2
    assert "--fail-under" in said.err


def test_an_object_without_a_value_misses_the_gate(tmp_path: Path) -> None:
    write_rows(tmp_path / "good.jsonl", [{"id": "1", "input": "a", "prediction": "b", "reference": "b"}])
    write_rows(tmp_path / "none.jsonl", [{"id": "1", "input": "a", "prediction": "b"}])
    plan = tmp_path / "plan.yaml"
    plan.write_text("objects: [{results: good.jsonl}, {results: none.jsonl}]\nscorers: [exact]\n", "utf-8")
    said = steelyard("run", plan, "--fail-under", "exact=0.5", "--data-dir", tmp_path / "data")
    assert said.status == 1
    assert "exact of none has no value" in said.err


@pytest.mark.parametrize("format_name", ["xlsx", "html", "json"])
def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path, format_name: str) -> None:
    steelyard("run", inline(tmp_path, ECHO), "--data-dir", tmp_path / "data")
    for out in (tmp_path / "no" / "such" / "r", tmp_path):
        said = steelyard("report", "evaluation", "--format", format_name, "--out", out, "--data-dir", tmp_path / "data")
        assert said.status == 2, said
        assert said.err.startswith("error[")
        assert len(said.err.splitlines()) == 1


def test_a_data_directory_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("", "utf-8")
    said = steelyard("run", inline(tmp_path, ECHO), "--data-dir", tmp_path / "data")
    assert said.status == 2, said
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("error[")


def test_an_unknown_metric_in_a_filter_is_refused(tmp_path: Path) -> None:
    steelyard("run", inline(tmp_path, ECHO), "--data-dir", tmp_path / "data")
    for condition in ("nosuch>1", "exact<nan", "unit=nobody"):
        said = steelyard("samples", "evaluation", "--where", condition, "--data-dir", tmp_path / "data")
        assert said.status == 2, condition
