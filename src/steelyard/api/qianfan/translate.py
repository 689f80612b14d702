"""From a CreateEvalTask body to a plan. Pure: what ids stand for is looked up next door, in `references`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.api.qianfan.limits import check_task
from steelyard.api.qianfan.wire import CreateEvalTaskIn, as_given, read_body
from steelyard.services.evaluations.plan import PlanIn, read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.api.qianfan.wire import EvalModelIn

LABEL = "qianfan"
"""The evaluation's label that keeps the request."""

_LONGEST_NAME = 180
_RULE_SCORERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("accuracy", {}),
    ("token_f1", {}),
    ("rouge", {"variant": "1"}),
    ("rouge", {"variant": "2"}),
    ("rouge", {"variant": "L"}),
    ("bleu", {}),
)


def read_task(body: object) -> CreateEvalTaskIn:
    """Returns a CreateEvalTask body that keeps every limit.

    Raises:
        InputError: `where` is the path of the wrong field.
    """
    task = read_body(body, CreateEvalTaskIn)
    check_task(task)
    return task


def plan_of(task: CreateEvalTaskIn, names: Sequence[str], body: dict[str, Any]) -> PlanIn:
    """Returns the plan of a checked task.

    Args:
        task: from `read_task`.
        names: what to call each object, in the task's order; equal names are told apart.
        body: the request itself, kept in the evaluation's labels.

    Raises:
        InputError: a text is no Unicode.
    """
    config = task.eval_object_config
    labels = distinct(names)
    plan: dict[str, Any] = {
        "name": task.task_name,
        "description": task.description or "",
        "labels": {LABEL: json.dumps(as_given(body))},
        "scorers": rule_scorers(task),
    }
    if (models := config.eval_model_config) is not None:
        plan["dataset"] = models.version_id
        objects = [_model(one, label) for one, label in zip(models.eval_model_config_list, labels, strict=True)]
    else:
        results = config.eval_infer_dataset_config
        objects = [
            {"label": label, "results": one.infer_dataset_id, "baseline": bool(one.is_baseline)}
            for one, label in zip(results.eval_infer_dataset_config_list if results else (), labels, strict=True)
        ]
    return read_plan({**plan, "objects": objects}, where="CreateEvalTask")


def _model(model: EvalModelIn, label: str) -> dict[str, Any]:
    given = {} if model.params is None else msgspec.structs.asdict(model.params)
    system = given.pop("system", None) or ""
    return {
        "label": label,
        "endpoint": model.model_id,
        "prompt_template": literal_template(model.prompt_template or ""),
        "system": system,
        "params": {name: value for name, value in given.items() if value is not None},
        "baseline": bool(model.is_baseline),
    }


def literal_template(text: str) -> str:
    """Returns the template in which only `{input}` is filled in: every other brace stands for itself, as with the vendor."""
    return "{input}".join(part.replace("{", "{{").replace("}", "}}") for part in text.split("{input}"))


def rule_scorers(task: CreateEvalTaskIn) -> list[dict[str, Any]]:
    """Returns the six rule scorers, with the task's stop words."""
    config = task.eval_config.auto_rule_eval_config
    words = list(dict.fromkeys(word for word in (config.stop_word_list or [] if config else []) if word.strip()))
    shared: dict[str, Any] = {"stop_words": words} if words else {}
    return [{"name": name, "options": {**options, **shared}} for name, options in _RULE_SCORERS]


def distinct(names: Iterable[str]) -> list[str]:
    """Returns the names as labels: cut to a length that labels take, equal ones numbered from the second on."""
    found: list[str] = []
    for name in names:
        label, number = name[:_LONGEST_NAME], 1
        while label in found:
            number += 1
            label = f"{name[:_LONGEST_NAME]} ({number})"
        found.append(label)
    return found
