"""What a first look costs: help comes without the heavy libraries, and a small run without those it does not need."""

import json
import subprocess
import sys

import pytest
from tests.support.command import clean_env, model, write_plan, write_rows

HEAVY = (
    "numpy",
    "pyarrow",
    "sqlalchemy",
    "fastapi",
    "uvloop",
    "sacrebleu",
    "rjieba",
    "pandas",
    "scipy",
    "yaml",
    "pyreqwest",
)
PROBE = """
import json, sys
sys.argv = ["steelyard", *json.loads(sys.argv[1])]
from steelyard.cli.main import main
try:
    main()
except SystemExit as end:
    status = end.code
print("\\n" + json.dumps([status, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def loaded(*args):
    probe = [sys.executable, "-c", PROBE, json.dumps([str(a) for a in args])]
    done = subprocess.run(probe, capture_output=True, text=True, env=clean_env(), check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules), done.stdout


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], ["report", "--help"], ["dataset", "--help"]])
def test_help_imports_nothing_heavy(args):
    status, modules, out = loaded(*args)
    assert status == 0
    assert "Usage:" in out
    assert not modules & set(HEAVY)


def test_every_command_is_listed():
    _, _, out = loaded("--help")
    for name in (
        "run",
        "demo",
        "report",
        "compare",
        "samples",
        "score",
        "stats",
        "serve",
        "dataset",
        "endpoint",
        "key",
    ):
        assert f"  {name} " in out


def test_a_small_run_imports_no_library_it_does_not_need(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [{"input": "What is 1 + 1?", "reference": "2"}])
    target = model("m", "builtin:scripted?answer=sum")
    plan = write_plan(tmp_path / "plan.yaml", dataset="rows.jsonl", objects=[target], scorers=["exact"])
    status, modules, _ = loaded("run", plan, "--data-dir", tmp_path / "data")
    assert status == 0
    assert not modules & {
        "pandas",
        "scipy",
        "fastapi",
        "sacrebleu",
        "rjieba",
        "jsonschema",
        "pyarrow",
        "duckdb",
        "alembic",
        "ray",
    }
