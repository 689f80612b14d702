"""Reading what was evaluated: reports and samples in every format, ready rows scored, statistics, data sets."""

import csv
import io
import json
import math

import pyarrow.parquet as pq
import pytest
from tests.support.command import model, steelyard, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished evaluation of two objects on 40 rows, some failed; returns (folder, id)."""
    folder = tmp_path_factory.mktemp("read")
    rows = [{**row, "category": "even" if i % 2 == 0 else "odd", "note": "=1+1"} for i, row in enumerate(sums(40))]
    write_rows(folder / "rows.jsonl", rows)
    with running_endpoint(answer="sum", accuracy=0.7, err500=0.1, fail_attempts=0) as endpoint:
        objects = [model(n, endpoint.base_url, f"{n}: {{input}}", max_attempts=1) for n in ("left", "right")]
        plan = write_plan(
            folder / "plan.yaml",
            name="readable 测试",
            dataset="rows.jsonl",
            objects=objects,
            scorers=["exact", "prefix"],
        )
        said = steelyard("run", plan, "--json", "--data-dir", folder / "data")
    assert said.status == 1, said.err
    return folder, said.report


def read(done, *args):
    folder, report = done
    said = steelyard(args[0], report["evaluation_id"], *args[1:], "--data-dir", folder / "data")
    assert (said.status, said.err) == (0, ""), said.err
    return said.out


def no_nan(value):
    if isinstance(value, dict):
        return all(no_nan(v) for v in value.values())
    if isinstance(value, list):
        return all(no_nan(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


def test_the_json_report_is_that_of_the_run(done):
    found = json.loads(read(done, "report", "--format", "json"))
    assert found == done[1]
    assert no_nan(found)


def test_a_report_is_found_by_its_name_too(done):
    folder, report = done
    said = steelyard("report", "readable 测试", "--format", "json", "--data-dir", folder / "data")
    assert json.loads(said.out) == report


@pytest.mark.parametrize("format_name", ["text", "md", "html", "csv"])
def test_every_text_format_names_objects_metrics_and_failures(done, format_name):
    text = read(done, "report", "--format", format_name)
    unit = done[1]["units"][0]
    for word in ("left", "right", "exact", "prefix"):
        assert word in text
    if format_name == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows
        assert len({len(row) for row in rows}) == 1
    if format_name == "html":
        assert text.lstrip().lower().startswith("<!doctype html>")
        assert "http://" not in text.replace("http://www.w3.org", "")
    assert "nan" not in text.lower().split()
    assert unit["failures"] == {"server_error": unit["counts"]["failed"]}


@pytest.mark.parametrize("format_name", ["text", "json", "html", "csv", "md"])
def test_a_report_goes_to_a_file_byte_for_byte(done, tmp_path, format_name):
    printed = read(done, "report", "--format", format_name)
    assert read(done, "report", "--format", format_name, "--out", tmp_path / "out") == ""
    assert (tmp_path / "out").read_text("utf-8") == printed


def test_the_workbook_opens_and_holds_the_metrics(done, tmp_path):
    from python_calamine import CalamineWorkbook

    read(done, "report", "--format", "xlsx", "--out", tmp_path / "report.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "report.xlsx"))
    cells = [str(cell) for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row]
    assert {"left", "right"} <= set(cells)
    assert any("exact" in cell for cell in cells)


def test_a_report_in_chinese_has_the_same_numbers(done):
    folder, report = done
    args = ("report", report["evaluation_id"], "--data-dir", folder / "data")
    chinese = steelyard(*args, STEELYARD_LANG="zh").out
    assert chinese != steelyard(*args).out
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
    assert json.loads(steelyard(*args, "--format", "json", STEELYARD_LANG="zh").out) == report


def samples(done, *args):
    return [json.loads(line) for line in read(done, "samples", *args).splitlines()]


def test_samples_hold_every_answer_and_failure_in_order(done):
    found = samples(done)
    assert len(found) == 80
    assert [(s["label"], s["position"]) for s in found] == [(n, p) for n in ("left", "right") for p in range(40)]
    for unit in done[1]["units"]:
        own = [s for s in found if s["label"] == unit["label"]]
        assert sum(s["answer"] is None for s in own) == unit["counts"]["failed"]
        values = [score["value"] for s in own for score in s["scores"] if score["metric"] == "exact"]
        assert sum(values) / len(values) == pytest.approx(unit["metrics"][0]["value"])
    failed = next(s for s in found if s["answer"] is None)
    assert (failed["failure"], failed["scores"]) == ("server_error", [])
    answered = next(s for s in found if s["answer"] is not None)
    assert answered["reference"]
    assert answered["prompt"].startswith("left: What is")
    assert answered["columns"]["note"] == "=1+1"


def test_samples_are_filtered(done):
    every = samples(done)
    assert samples(done, "--where", "unit=right") == [s for s in every if s["label"] == "right"]
    assert samples(done, "--where", "failed=true") == [s for s in every if s["answer"] is None]
    assert samples(done, "--where", "category=odd") == [s for s in every if s["category"] == "odd"]
    wrong = [s for s in every if any(x["metric"] == "exact" and x["value"] < 0.5 for x in s["scores"])]
    assert samples(done, "--where", "exact<0.5") == wrong
    assert wrong
    assert samples(done, "--where", "text=is 39 +") == [s for s in every if "is 39 +" in s["prompt"]]
    assert samples(done, "--limit", "3") == every[:3]


def test_samples_as_csv_and_parquet_hold_the_same_rows(done, tmp_path):
    every = samples(done)
    rows = list(csv.DictReader(io.StringIO(read(done, "samples", "--format", "csv"))))
    read(done, "samples", "--format", "parquet", "--out", tmp_path / "samples.parquet")
    table = pq.read_table(tmp_path / "samples.parquet").to_pylist()
    assert [r["row_id"] for r in rows] == [r["row_id"] for r in table] == [s["row_id"] for s in every]
    assert [json.loads(r["scores"]) for r in table] == [s["scores"] for s in every]
    assert [r["answer"] for r in table] == [s["answer"] for s in every]
    assert rows[0].keys() == table[0].keys()


def test_samples_of_a_pipe_that_closes_early_are_no_crash(done):
    import subprocess

    from tests.support.command import COMMAND, clean_env

    folder, report = done
    process = subprocess.Popen(
        [*COMMAND, "samples", report["evaluation_id"], "--data-dir", str(folder / "data")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(),
    )  # fmt: skip
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in err


def test_comparing_two_evaluations_pairs_their_rows(done, tmp_path):
    folder, report = done
    with running_endpoint(answer="sum") as endpoint:
        plan = write_plan(
            folder / "better.yaml", name="better", dataset="rows.jsonl", objects=[model("better", endpoint.base_url)], scorers=["exact"]
        )  # fmt: skip
        assert steelyard("run", plan, "--data-dir", folder / "data").status == 0
    said = steelyard("compare", report["evaluation_id"], "better", "--json", "--data-dir", folder / "data")
    assert said.status == 0, said.err
    assert no_nan(json.loads(said.out))
    text = steelyard("compare", report["evaluation_id"], "better", "--data-dir", folder / "data")
    assert "better" in text.out


def test_an_unfinished_evaluation_has_a_report_of_what_is_there(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(400))
    from tests.support.command import start

    with running_endpoint(answer="sum", latency_ms=50) as endpoint:
        plan = write_plan(
            tmp_path / "plan.yaml", name="live", dataset="rows.jsonl", objects=[model("m", endpoint.base_url)], scorers=["exact"],
            limits={"max_concurrency": 4},
        )  # fmt: skip
        process = start("run", plan, "--data-dir", tmp_path / "data")
        try:
            while endpoint.stats()["ok"] < 30:
                pass
            said = steelyard("report", "live", "--format", "json", "--data-dir", tmp_path / "data")
            rows = steelyard("samples", "live", "--data-dir", tmp_path / "data")
        finally:
            process.kill()
            process.communicate()
    assert said.status == rows.status == 0, said.err + rows.err
    assert said.report["state"] == "inferring"
    assert 20 <= said.report["units"][0]["counts"]["answered"] < 400
    assert len(rows.out.splitlines()) >= said.report["units"][0]["counts"]["answered"]


# Without an evaluation.


def score(tmp_path, rows, scorer, *args):
    write_rows(tmp_path / "ready.jsonl", rows)
    said = steelyard("score", tmp_path / "ready.jsonl", "--scorer", scorer, *args)
    return said, [json.loads(line) for line in said.out.splitlines()]


def test_ready_rows_are_scored_line_by_line_with_a_summary(tmp_path):
    rows = [
        {"prediction": "Paris", "reference": "Paris"},
        {"prediction": "Rome", "reference": "Paris", "prompt": "Capital of France?"},
        {"prediction": "Oslo", "reference": "Oslo"},
    ]
    said, lines = score(tmp_path, rows, "exact")
    assert said.status == 0, said.err
    assert [line["score"] for line in lines[:-1]] == [1.0, 0.0, 1.0]
    assert all(line["scored"] and line["signature"].startswith("exact|") and "reason" in line for line in lines[:-1])
    summary = lines[-1]
    assert (summary["n"], summary["n_unscored"]) == (3, 0)
    assert summary["mean"] == pytest.approx(2 / 3)


def test_scoring_with_options_to_a_file(tmp_path):
    rows = [{"prediction": "the cat sat", "reference": "the cat sat down"}]
    said, lines = score(tmp_path, rows, "rouge", "--options", '{"variant": "L"}', "--out", tmp_path / "scores.jsonl")
    assert (said.status, lines) == (0, []), said.err
    first = json.loads((tmp_path / "scores.jsonl").read_text().splitlines()[0])
    assert 0 < first["score"] < 1


def test_scoring_by_an_unknown_scorer_is_refused(tmp_path):
    said, _ = score(tmp_path, [{"prediction": "a", "reference": "a"}], "exakt")
    assert (said.status, len(said.errors)) == (2, 1)
    assert "exakt" in said.errors[0]


def test_a_statistic_is_one_json_line():
    listed = steelyard("stats", "?", "--json", "{}")
    assert listed.status == 2
    names = listed.errors[0].split("use one of ", 1)[1].split(", ")
    assert "wilson" in names
    said = steelyard("stats", "wilson", "--json", '{"successes": 8, "n": 10}')
    assert said.status == 0, said.err
    (line,) = said.out.splitlines()
    assert no_nan(json.loads(line))


def test_data_sets_are_added_once_listed_and_shown(tmp_path):
    write_rows(tmp_path / "rows.jsonl", sums(25))
    data = ("--data-dir", tmp_path / "data")
    added = steelyard("dataset", "add", tmp_path / "rows.jsonl", "--name", "numbers", *data)
    assert added.status == 0, added.err
    version = added.out.split(":")[0]
    assert version.startswith("ds-")
    assert "25 rows" in added.out
    assert steelyard("dataset", "add", tmp_path / "rows.jsonl", "--name", "numbers", *data).out == added.out
    (line,) = steelyard("dataset", "list", *data).out.splitlines()
    assert version in line
    assert "numbers" in line
    shown = steelyard("dataset", "show", version, "--rows", "2", *data)
    assert "What is 0 + 7?" in shown.out
    with running_endpoint(answer="sum") as endpoint:
        plan = write_plan(
            tmp_path / "plan.yaml", dataset=version, objects=[model("m", endpoint.base_url)], scorers=["exact"]
        )
        said = steelyard("run", plan, "--json", *data)
    assert said.status == 0, said.err
    assert said.report["units"][0]["dataset_version_id"] == version
