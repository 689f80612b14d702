"""Wrong input: one line that says what, where and the way out; exit status 2; nothing asked, nothing half-created."""

import json
import re
import socket

import pytest
import yaml
from tests.support.command import evaluation_folders, model, steelyard, stored_evaluations, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint

LINE = re.compile(r"error\[[a-z_]+\]: \S.* \(.+\) - \S.*")


@pytest.fixture(scope="module")
def endpoint():
    with running_endpoint(answer="sum") as running:
        yield running


def refused(said, code, *words):
    """Checks the one line, and returns it."""
    assert said.status == 2, (said.status, said.err)
    assert said.out == ""
    assert "Traceback" not in said.err
    (line,) = said.errors
    assert LINE.fullmatch(line), line
    assert not code or line.startswith(f"error[{code}]:"), line
    for word in words:
        assert str(word) in line, line
    return line


def nothing_created(data_dir):
    assert stored_evaluations(data_dir) == 0
    assert evaluation_folders(data_dir) == []
    assert list(data_dir.glob("datasets/importing/*/*")) == []


def run(tmp_path, endpoint, *flags, text=None, env=None, rows=None, **changes):
    write_rows(tmp_path / "rows.jsonl", rows or sums(5))
    plan = tmp_path / "plan.yaml"
    if text is None:
        fields = {"dataset": "rows.jsonl", "objects": [model("m", endpoint.base_url)], "scorers": ["exact"], **changes}
        write_plan(plan, **fields)
    else:
        plan.write_text(text, "utf-8")
    endpoint.reset()
    said = steelyard("run", plan, "--data-dir", tmp_path / "data", *flags, **(env or {}))
    assert endpoint.stats()["total"] == 0
    nothing_created(tmp_path / "data")
    return said


def changed(endpoint, **fields):
    return [{**model("m", endpoint.base_url), **fields}]


PLANS = {
    "unknown scorer": (lambda e: {"scorers": ["exakt"]}, "unknown_scorer", ["exakt", "exact"]),
    "unknown option of a scorer": (lambda e: {"scorers": [{"rouge": {"varient": "L"}}]}, "", ["varient"]),
    "no scorer": (lambda e: {"scorers": []}, "bad_plan", ["scorers"]),
    "one scorer twice": (lambda e: {"scorers": ["exact", "exact"]}, "twin_scorers", ["exact"]),
    "template without input": (
        lambda e: {"objects": changed(e, prompt_template="Answer: {question}")}, "template_without_input", ["objects.0"],
    ),
    "temperature out of range": (
        lambda e: {"objects": changed(e, params={"temperature": 2.5})}, "", ["temperature", "2.5", "objects.0.params"],
    ),
    "unknown parameter": (lambda e: {"objects": changed(e, params={"temprature": 1})}, "", ["temprature"]),
    "six objects": (
        lambda e: {"objects": [model(f"m{i}", e.base_url) for i in range(6)]}, "too_many_objects", ["5", "6"],
    ),
    "mixed kinds": (
        lambda e: {"objects": [model("m", e.base_url), {"label": "r", "results": "rows.jsonl"}]}, "mixed_objects", [],
    ),
    "no objects": (lambda e: {"objects": []}, "bad_plan", ["objects"]),
    "an object of neither kind": (lambda e: {"objects": [{"label": "x"}]}, "bad_plan", ["objects.0", "endpoint"]),
    "duplicate labels": (
        lambda e: {"objects": [model("same", e.base_url), model("same", e.base_url)]}, "twin_labels", ["same"],
    ),
    "two baselines": (
        lambda e: {"objects": [{**model(n, e.base_url), "baseline": True} for n in "ab"]}, "two_baselines", [],
    ),
    "wrong field": (lambda e: {"scorer": ["exact"]}, "bad_plan", ["scorer"]),
    "wrong field of an object": (lambda e: {"objects": changed(e, promt_template="{input}")}, "bad_plan", ["promt_template"]),
    "wrong field of an endpoint": (
        lambda e: {"objects": [model("m", e.base_url, timeout=3)]}, "bad_plan", ["timeout", "objects.0"],
    ),
    "a number that is none": (lambda e: {"repeats": "three"}, "bad_plan", ["repeats"]),
    "repeats of zero": (lambda e: {"repeats": 0}, "bad_plan", ["repeats"]),
    "no data set": (lambda e: {"dataset": None}, "bad_plan", ["dataset"]),
    "a data file that is not there": (lambda e: {"dataset": "missing.jsonl"}, "", ["missing.jsonl"]),
    "a data set that is not known": (lambda e: {"dataset": "ds-0000000000"}, "dataset_not_found", ["ds-0000000000"]),
    "an endpoint that is not known": (
        lambda e: {"objects": [{"label": "m", "endpoint": "ep-0000000000"}]}, "endpoint_not_found", ["ep-0000000000"],
    ),
    "an endpoint that is no address": (lambda e: {"objects": [{"label": "m", "endpoint": "gpt"}]}, "bad_endpoint", ["gpt"]),
    "an endpoint without a model": (
        lambda e: {"objects": [{"label": "m", "endpoint": {"base_url": e.base_url}}]}, "bad_endpoint", ["model"],
    ),
    "a key that is not set": (
        lambda e: {"objects": [model("m", e.base_url, api_key_env="NO_SUCH_KEY_HERE")]}, "", ["NO_SUCH_KEY_HERE"],
    ),
    "an unknown built-in": (lambda e: {"objects": [{"label": "m", "endpoint": "builtin:magic"}]}, "", ["magic"]),
    "a cost cap": (
        lambda e: {"limits": {"max_cost": {"amount": 5, "currency": "CNY"}}}, "unsupported", ["max_cost"],
    ),
    "another version": (lambda e: {"steelyard": 9}, "bad_plan", ["steelyard"]),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANS)
def test_a_wrong_plan_is_refused_in_one_line(case, tmp_path, endpoint):
    change, code, words = PLANS[case]
    said = run(tmp_path, endpoint, **change(endpoint))
    refused(said, code, *words)


TEXTS = {
    "broken YAML": ("objects:\n  - label: [a\nscorers: [exact]\n", ["plan.yaml:"]),
    "a list": ("- a\n- b\n", ["mapping"]),
    "nothing": ("", ["mapping"]),
    "a tab": ("objects:\n\t- label: a\n", ["plan.yaml:2"]),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_plan_that_is_no_plan_is_refused_in_one_line(case, tmp_path, endpoint):
    text, words = TEXTS[case]
    refused(run(tmp_path, endpoint, text=text), "bad_plan", *words)


def test_a_plan_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "plan.yaml").write_bytes(b"\xff\xfe\x00name")
    refused(steelyard("run", tmp_path / "plan.yaml", "--data-dir", tmp_path / "data"), "bad_plan", "UTF-8")


@pytest.mark.parametrize("path", ["nothing.yaml", "."])
def test_a_plan_that_is_not_there_is_refused(path, tmp_path):
    refused(steelyard("run", path, cwd=tmp_path), "no_such_file", path)
    assert not (tmp_path / ".steelyard" / "evaluations").exists()


FLAGS = {
    "unknown flag": (["--fast"], "usage", ["--fast", "steelyard run --help"]),
    "no number": (["--limit", "many"], "usage", ["--limit"]),
    "limit of zero": (["--limit", "0"], "usage", ["--limit"]),
    "allow more than all": (["--allow-failed", "1.5"], "usage", ["--allow-failed"]),
    "gate without a number": (["--fail-under", "accuracy"], "invalid_input", ["--fail-under"]),
    "gate that is no number": (["--fail-under", "accuracy=high"], "invalid_input", ["accuracy=high"]),
    "a cost cap": (["--max-cost", "5"], "unsupported", ["--max-cost"]),
}


@pytest.mark.parametrize("case", FLAGS)
def test_a_wrong_flag_is_refused_in_one_line(case, tmp_path, endpoint):
    flags, code, words = FLAGS[case]
    refused(run(tmp_path, endpoint, *flags), code, *words)


COMMANDS = {
    "no plan": (["run"], "usage"),
    "unknown command": (["weigh"], "usage"),
    "report of nothing": (["report", "ame-0000000000"], "evaluation_not_found"),
    "report by a name nobody has": (["report", "nobody"], "not_found"),
    "unknown report format": (["report", "x", "--format", "pdf"], "invalid_input"),
    "xlsx to the terminal": (["report", "x", "--format", "xlsx"], "invalid_input"),
    "samples of nothing": (["samples", "ame-0000000000"], "evaluation_not_found"),
    "unknown samples format": (["samples", "x", "--format", "xml"], "invalid_input"),
    "a condition that is none": (["samples", "x", "--where", "failed=perhaps"], "invalid_input"),
    "comparing one": (["compare", "x"], "invalid_input"),
    "a data set from nowhere": (["dataset", "add", "nowhere.jsonl"], None),
    "a data set of no kind": (["dataset", "add", "x", "--kind", "special"], "invalid_input"),
    "showing no data set": (["dataset", "show", "ds-0000000000"], "dataset_not_found"),
    "unknown statistic": (["stats", "magic", "--json", "{}"], "unknown_statistic"),
    "statistic of no JSON": (["stats", "wilson", "--json", "{"], "invalid_input"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_wrong_command_is_refused_in_one_line(case, tmp_path):
    args, code = COMMANDS[case]
    (tmp_path / "data").mkdir()
    own = [] if args[0] == "stats" or code == "usage" else ["--data-dir", tmp_path / "data"]
    said = steelyard(*args, *own, cwd=tmp_path)
    assert said.status == 2, said.err
    assert "Traceback" not in said.err
    (line,) = said.err.strip().splitlines()
    assert re.match(rf"error\[{code or '[a-z_]+'}\]: \S", line), line


def test_an_endpoint_that_nobody_listens_at_is_found_before_anything_is_created(tmp_path, endpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = run(tmp_path, endpoint, objects=[model("m", f"http://127.0.0.1:{port}/v1")])
    refused(said, "endpoint_unreachable", port)


def test_a_broken_line_in_the_middle_is_named_before_anything_is_asked(tmp_path, endpoint):
    rows = tmp_path / "big.jsonl"
    write_rows(rows, sums(20_000))
    lines = rows.read_text().splitlines()
    lines[12_344] = lines[12_344][:-3]
    rows.write_text("\n".join(lines) + "\n")
    said = run(tmp_path, endpoint, dataset="big.jsonl")
    refused(said, "bad_rows")
    assert "big.jsonl:12345" in said.err


def test_bad_rows_can_be_dropped_and_are_counted(tmp_path, endpoint):
    rows = write_rows(tmp_path / "rows.jsonl", sums(20))
    rows.write_text(rows.read_text() + "{broken\n" + '{"reference": "no question"}\n')
    plan = write_plan(
        tmp_path / "plan.yaml", dataset="rows.jsonl", on_bad_rows="drop", objects=[model("m", endpoint.base_url)], scorers=["exact"]
    )  # fmt: skip
    said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data")
    assert said.status == 0, said.err
    assert said.report["rows_dropped"] == 2
    assert said.report["units"][0]["counts"]["total"] == 20


def test_a_secret_in_a_plan_is_never_shown(tmp_path, endpoint):
    objects = [model("m", "http://127.0.0.1:9/v1", headers={"x-api-key": "sk-very-secret-value"})]
    said = run(tmp_path, endpoint, objects=objects)
    assert said.status == 2
    assert "sk-very-secret-value" not in said.err + said.out


def test_a_plan_may_be_json(tmp_path, endpoint):
    write_rows(tmp_path / "rows.jsonl", sums(5))
    plan = write_plan(
        tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[model("m", endpoint.base_url)], scorers=["exact"]
    )
    (tmp_path / "plan.json").write_text(json.dumps(yaml.safe_load(plan.read_text())))
    assert steelyard("run", tmp_path / "plan.json", "--data-dir", tmp_path / "data").status == 0
