"""The page on the plan says every field, its default, and what a mistake is answered with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.support.command import steelyard

from steelyard.flow.requests.params import KNOWN
from steelyard.flow.rows.names import ROLES
from steelyard.services.evaluations.plan import (
    DatasetIn,
    EndpointIn,
    LimitsIn,
    MoneyIn,
    ObjectIn,
    PlanIn,
    PriceIn,
    read_plan,
)

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/plan.md").read_text("utf-8")
ENGLISH, _, CHINESE = PAGE.partition("## 中文字段表")
PLACES: dict[type[BaseModel], tuple[str, str]] = {
    PlanIn: ("## The plan itself", "**计划**"),
    ObjectIn: ("## An object", "**评测对象**"),
    EndpointIn: ("## An address", "**地址**"),
    PriceIn: ("**Price**", "**价格**"),
    DatasetIn: ("## A data set", "**数据集**"),
    LimitsIn: ("## Limits", "**限制**"),
    MoneyIn: ("**Money**", "**金额**"),
}
DATA = {"dataset": str(ROOT / "examples/quickstart/rows.jsonl"), "scorers": ["contains"]}
ECHO = {"endpoint": "builtin:echo"}
HTTP = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}
MISTAKES: dict[str, dict[str, Any]] = {
    "unknown field 'api_key'": {"objects": [{"endpoint": {**HTTP, "api_key": "sk-none"}}]},
    "input should be a valid string": {"objects": [{**ECHO, "prompt_template": {"input": None}}]},
    "the prompt template must contain {input}": {"objects": [{**ECHO, "prompt_template": "Be brief."}]},
    "unknown field 'scorer'": {"objects": [ECHO], "scorer": "contains"},
    "a scorer cannot be read": {"objects": [ECHO], "scorers": [{"rouge": "L"}]},
    "is no endpoint": {"objects": [{"endpoint": "http://127.0.0.1:9/v1"}]},
    "unknown parameter 'temprature'": {"objects": [{**ECHO, "params": {"temprature": 0}}]},
    "result sets bring their own rows": {"objects": [{"results": "answers.jsonl"}]},
    "two objects are labelled": {"objects": [ECHO, ECHO]},
    "max_cost cannot be held yet": {"objects": [ECHO], "limits": {"max_cost": {"amount": 1}}},
}


def table(text: str, heading: str) -> list[list[str]]:
    """Returns the cells of the first table after a heading, header left out."""
    lines = text.partition(heading)[2].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first + 2 : last]]


def default_of(field: FieldInfo, required: str, none: str) -> str:
    if field.is_required():
        return required
    value: Any = field.get_default()
    if value in (None, "", {}, []) or value == LimitsIn():
        return none
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model.__name__)
@pytest.mark.parametrize("chinese", [False, True], ids=["en", "zh"])
def test_every_field_is_there_with_its_default(model: type[BaseModel], chinese: bool) -> None:
    rows = table(CHINESE if chinese else ENGLISH, PLACES[model][chinese])
    words = ("必填", "无") if chinese else ("required", "none")
    told = {row[0].strip("`"): row[2] for row in rows}
    assert told == {name: default_of(field, *words) for name, field in model.model_fields.items()}


def test_every_parameter_and_role_is_there() -> None:
    parameters = {name for row in table(ENGLISH, "## Parameters") for name in re.findall(r"`(\w+)`", row[0])}
    assert parameters == KNOWN
    roles = ENGLISH.partition("Roles:")[2].partition("\n\n")[0]
    assert [role for role in ROLES if f"`{role}`" not in roles] == []


def test_the_plans_on_the_page_are_plans() -> None:
    plans = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    whole = [plan for plan in plans if "objects" in plan]
    assert len(whole) == 2
    for plan in whole:
        read_plan(plan)


def test_every_mistake_of_the_table_is_tried_here() -> None:
    assert [row[1] for row in table(ENGLISH, "## Common mistakes")] == list(MISTAKES)


@pytest.mark.parametrize("said", MISTAKES)
def test_a_common_mistake_is_answered_as_the_page_says(said: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump({**DATA, **MISTAKES[said]}), "utf-8")
    answer = steelyard("run", plan, "--data-dir", tmp_path / "data")
    assert answer.status == 2
    assert len(answer.errors) == 1
    assert said in answer.errors[0]
