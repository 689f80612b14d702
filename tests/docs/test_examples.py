"""What the documentation says is true: its plans run, its links lead somewhere, and nothing that exists is left out."""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
import yaml
from tests.support.command import finish, start, steelyard
from tests.support.endpoint import running_endpoint

from steelyard.cli.main import app
from steelyard.flow.scores.registry import SCORERS
from steelyard.services.evaluations.plan import read_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/plan.yaml"))
HEREDOC = re.compile(r"cat > (\S+) <<'(\w+)'\n(.*?)\n\2\n", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_runs(example: str, tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "examples" / example, tmp_path / example)
    plan = folder / "plan.yaml"
    with running_endpoint(key="the-key", answer="sum") as endpoint:
        plan.write_text(plan.read_text("utf-8").replace("http://127.0.0.1:8001/v1", endpoint.base_url), "utf-8")
        said = steelyard("run", plan, "--json", "--data-dir", tmp_path / "data", MY_KEY="the-key")
    assert said.status == 0, said.err
    assert all(unit["counts"]["answered"] == unit["counts"]["total"] > 0 for unit in said.report["units"])
    assert all(metric["value"] is not None for unit in said.report["units"] for metric in unit["metrics"])


@pytest.mark.parametrize(
    "page",
    [ROOT / f"{page}.md" for page in ("README", "README.zh-CN", "docs/quickstart", "docs/quickstart.zh-CN")],
    ids=name,
)
def test_the_plans_that_pages_write_run_and_say_what_is_shown(page: Path, tmp_path: Path) -> None:
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "mine").mkdir()
    text = page.read_text("utf-8")
    files = {path: content for path, _, content in HEREDOC.findall(text)}
    plans = [path for path in files if path.endswith(".yaml")]
    assert plans
    for path, content in files.items():
        (tmp_path / path).write_text(content + "\n", "utf-8")
    lang = "zh" if "zh-CN" in page.name else "en"
    for plan in plans:
        read_plan(yaml.safe_load(files[plan]))
        said = finish(start("run", plan, "--data-dir", "data", cwd=tmp_path, STEELYARD_LANG=lang))
        assert said.status == 0, said.err
        shown = [line for block in blocks(page, "") for line in block.splitlines()]
        results = [line for line in shown if line.startswith(("retrieval", "majority", "candidate", "floor"))]
        assert results
        assert [line for line in results if line not in said.out] == [], said.out


def test_the_comparison_that_a_page_shows_is_what_its_commands_say(tmp_path: Path) -> None:
    page = ROOT / "docs/how-to/compare-two-models.md"
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "mine").mkdir()
    plans = {path: content for path, _, content in HEREDOC.findall(page.read_text("utf-8"))}
    for path, content in plans.items():
        (tmp_path / path).write_text(content + "\n", "utf-8")
    for plan in (*plans, "examples/quickstart/plan.yaml"):
        assert finish(start("run", plan, "--data-dir", "data", cwd=tmp_path)).status == 0
    said = finish(start("compare", "quickstart", "floor", "--data-dir", "data", cwd=tmp_path))
    shown = next(block for block in blocks(page, "") if "Not comparable" in block)
    assert shown in said.out


def test_both_quickstarts_give_the_same_commands() -> None:
    english, chinese = (ROOT / f"docs/quickstart{end}.md" for end in ("", ".zh-CN"))
    assert blocks(english, "sh") == blocks(chinese, "sh")
    assert blocks(english, "yaml") == blocks(chinese, "yaml")


def test_what_the_commands_of_the_pages_make_is_ignored_by_git() -> None:
    ignored = [line for line in (ROOT / ".gitignore").read_text("utf-8").splitlines() if line]
    text = "\n".join(block for page in PAGES for block in blocks(page, "sh"))
    made = set(re.findall(r"(?:mkdir -p|--data-dir|--out|[^2]>) ([\w.][^\s;]*)", text))
    assert {"mine", "mine/report.html"} <= made
    patterns = [pattern.strip("/") for pattern in ignored]
    assert [path for path in made if not any(fnmatch(path.split("/")[0], pattern) for pattern in patterns)] == []


def commands(group: typer.core.TyperGroup, before: str = "") -> Iterator[str]:
    for key, command in group.commands.items():
        yield f"{before}{key}"
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, f"{before}{key} ")


def test_every_command_is_documented() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    assert [command for command in root.commands if f"steelyard {command}" not in text] == []


def test_every_command_that_is_documented_exists() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    known = set(commands(root))
    called = {
        match
        for page in PAGES
        for block in blocks(page, "sh")
        for match in re.findall(r"(?:^|/)steelyard ([a-z]+(?: [a-z]+)?)", block, re.MULTILINE)
    }
    assert called
    unknown = [c for c in called if c not in known and c.split()[0] not in known - {"dataset", "endpoint", "key"}]
    assert unknown == []


def test_every_scorer_is_documented() -> None:
    text = (ROOT / "docs/reference/scorers.md").read_text("utf-8")
    assert [scorer for scorer in SCORERS.names() if f"`{scorer}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [t.partition("#")[0] for t in LINK.findall(page.read_text("utf-8")) if "://" not in t]
    assert [t for t in targets if t and not (page.parent / t).exists()] == []


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    targets = [t.partition("#") for t in LINK.findall(page.read_text("utf-8")) if "://" not in t and "#" in t]
    assert [t for t in targets if t[2] not in anchors(page.parent / t[0] if t[0] else page)] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    pages = [p for p in ROOT.glob("docs/**/*.md") if p.parent.name != "decisions" and p.name != "README.md"]
    assert [name(p) for p in pages if str(p.relative_to(ROOT / "docs")) not in index] == []


def test_both_readmes_have_the_same_sections() -> None:
    english, chinese = (
        [line.split(" ")[0] for line in (ROOT / page).read_text("utf-8").splitlines() if line.startswith("#")]
        for page in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


def test_both_readmes_tell_the_same_figures() -> None:
    english, chinese = (
        re.findall(r"\d[\d,.]*\d|\d", text.split("\n## ")[3]) for text in
        ((ROOT / page).read_text("utf-8") for page in ("README.md", "README.zh-CN.md"))
    )  # fmt: skip
    assert sorted(english) == sorted(chinese)
