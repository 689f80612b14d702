"""Rules of the house that no linter knows. Each message says how to mend it."""

import ast
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "steelyard"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE = 500
LONGEST_FUNCTION = 80
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
HEAVY = {
    "numpy",
    "pyarrow",
    "sqlalchemy",
    "fastapi",
    "scipy",
    "sacrebleu",
    "rjieba",
    "jsonschema",
    "pandas",
    "pydantic",
    "yaml",
    "uvicorn",
    "pyreqwest",
}


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def test_no_file_holds_more_than_one_idea() -> None:
    long = {
        str(f.relative_to(SOURCE)): n for f in FILES if (n := len(f.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long, f"split by idea: {long}"


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{file.relative_to(SOURCE)}:{node.name} {node.end_lineno - node.lineno}"
        for file in FILES
        for node in functions(ast.parse(file.read_text("utf-8")))
        if (node.end_lineno or 0) - node.lineno > LONGEST_FUNCTION
    ]
    assert not long, f"give the steps names of their own: {long}"


def test_no_file_is_a_drawer_for_anything() -> None:
    found = [str(f.relative_to(SOURCE)) for f in FILES if {f.stem, *f.relative_to(SOURCE).parts} & FORBIDDEN_NAMES]
    assert not found, f"name it after what it produces: {found}"


def test_only_settings_reads_the_environment() -> None:
    found = [
        str(file.relative_to(SOURCE))
        for file in FILES
        # The command line sets a variable for the libraries that it loads; it reads none.
        if file.name not in {"settings.py", "main.py"}
        and any(
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
        )
    ]
    assert not found, f"take it from settings.Settings: {found}"


def test_broad_excepts_stand_only_where_work_is_handed_over() -> None:
    allowed = {
        "cli/main.py",
        "adapters/executors/local.py",
        "api/requests.py",
        "api/qianfan/router.py",
        "adapters/providers/openai.py",
    }
    found = {
        str(file.relative_to(SOURCE))
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
    }
    assert found <= allowed, f"catch what can happen: {found - allowed}"


def test_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
sys.argv = ["steelyard", "--help"]
from steelyard.cli.main import main
try:
    main()
except SystemExit:
    pass
print("LOADED", sorted({HEAVY!r} & set(sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("LOADED []"), out[-300:]


def test_a_small_run_loads_neither_servers_nor_statistics_libraries(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"input": "a", "reference": "a"}\n', "utf-8")
    (tmp_path / "plan.yaml").write_text(
        'dataset: rows.jsonl\nobjects: [{endpoint: "builtin:echo"}]\nscorers: [exact]\n', "utf-8"
    )
    code = f"""
import sys
sys.argv = ["steelyard", "run", {str(tmp_path / "plan.yaml")!r}, "--data-dir", {str(tmp_path / "data")!r}]
from steelyard.cli.main import main
try:
    main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
print("LOADED", sorted({{"scipy", "fastapi", "alembic", "duckdb", "pandas", "pyarrow", "sacrebleu", "rjieba"}} & set(sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("LOADED []"), out[-300:]
