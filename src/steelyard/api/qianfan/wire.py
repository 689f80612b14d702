"""Bodies of the Qianfan v2 evaluation actions, field by field as the vendor's document of CreateEvalTask names them.

Types are strict: "true" is no boolean and "0.5" no number. Null counts as absent, since some clients send it. Unknown
fields are refused inside the configurations and ignored beside them, where the vendor's typed wrappers leave keywords.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from steelyard.domain.errors import InputError

T = TypeVar("T")


class ModelParamsIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`params`: how a model infers."""

    temperature: float | None = None
    top_p: float | None = None
    penalty_score: float | None = None
    system: str | None = None
    disable_search: bool | None = None
    enable_citation: bool | None = None
    top_k: int | None = None
    stop: list[str] | None = None


class _ConfigIn(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class EvalModelIn(_ConfigIn, frozen=True):
    """One model or service to evaluate."""

    model_id: str
    prompt_template: str | None = None
    params: ModelParamsIn | None = None
    is_baseline: bool | None = None


class EvalModelConfigIn(_ConfigIn, frozen=True):
    """The models, and the data set version that they answer."""

    eval_model_config_list: list[EvalModelIn]
    version_id: str | None = None
    storage_type: str | None = None
    storage_path: str | None = None


class EvalInferDatasetIn(_ConfigIn, frozen=True):
    """One result set to evaluate."""

    infer_dataset_id: str
    is_baseline: bool | None = None


class EvalInferDatasetConfigIn(_ConfigIn, frozen=True):
    """The result sets."""

    eval_infer_dataset_config_list: list[EvalInferDatasetIn]


class EvalObjectConfigIn(_ConfigIn, frozen=True):
    """What is evaluated: one of the two."""

    eval_model_config: EvalModelConfigIn | None = None
    eval_infer_dataset_config: EvalInferDatasetConfigIn | None = None


class EvalDimensionIn(_ConfigIn, frozen=True):
    """One aspect that people score."""

    dimension: str
    description: str | None = None


class ManualEvalConfigIn(_ConfigIn, frozen=True):
    """What people score."""

    eval_dimension: list[EvalDimensionIn]


class AutoRuleEvalConfigIn(_ConfigIn, frozen=True):
    """How rules score."""

    stop_word_list: list[str] | None = None


class PromptParamIn(_ConfigIn, frozen=True):
    """What fills the judge's prompt."""

    metric: str | None = None
    steps: str | None = None
    max_score: float | None = None


class AutoModelEvalConfigIn(_ConfigIn, frozen=True):
    """Which judge scores, and how it is asked."""

    api_name: str | None = None
    prompt_param: PromptParamIn | None = None


class EvalConfigIn(_ConfigIn, frozen=True):
    """How the objects are scored."""

    eval_mode: str
    manual_eval_config: ManualEvalConfigIn | None = None
    auto_rule_eval_config: AutoRuleEvalConfigIn | None = None
    auto_model_eval_config: AutoModelEvalConfigIn | None = None


class KeptRequest(Struct, frozen=True, rename="camel"):
    """The parts of a CreateEvalTask body that DescribeEvalTask gives back as they came."""

    eval_object_type: str
    eval_object_config: EvalObjectConfigIn
    eval_config: EvalConfigIn


class CreateEvalTaskIn(Struct, frozen=True, rename="camel"):
    """Body of CreateEvalTask."""

    task_name: str
    eval_object_type: str
    eval_object_config: EvalObjectConfigIn
    eval_config: EvalConfigIn
    description: str | None = None


class TaskIn(Struct, frozen=True, rename="camel"):
    """Body of the actions on one task."""

    task_id: str


class ModifyEvalTaskIn(Struct, frozen=True, rename="camel"):
    """Body of ModifyEvalTask; the vendor's field table spells the field `describtion`, its example does not."""

    task_id: str
    description: str | None = None
    describtion: str | None = None


class DescribeEvalTasksIn(Struct, frozen=True, rename="camel"):
    """Body of DescribeEvalTasks."""

    eval_type: str
    key_filter: str | None = None
    marker: str | None = None
    max_keys: int | None = None
    page_reverse: bool | None = None


def read_body(body: object, kind: type[T]) -> T:
    """Returns the body as the given type.

    Raises:
        InputError: `where` is the path of the wrong field, such as `evalConfig.evalMode`.
    """
    if not isinstance(body, dict):
        raise InputError("the body must be a JSON object", hint="send the parameters as the fields of one object")
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None


def _wrong_field(text: str) -> InputError:
    problem, _, path = text.partition(" - at `")
    where = path.removesuffix("`").removeprefix("$").removeprefix(".")
    for start in ("Object missing required field `", "Object contains unknown field `"):
        if problem.startswith(start):
            name = problem.removeprefix(start).removesuffix("`")
            missing = "missing" in start
            return InputError(
                "is missing" if missing else "is no field that this action knows",
                where=f"{where}.{name}" if where else name,
                hint="give it a value" if missing else "correct its name or leave it out",
            )
    return InputError(problem[:1].lower() + problem[1:].replace("`", ""), where=where, hint="correct the value")


def as_given(body: dict[str, Any]) -> dict[str, Any]:
    """Returns a body's `KeptRequest` as it came: numbers, nulls and order untouched."""
    return {name: body[name] for name in ("evalObjectType", "evalObjectConfig", "evalConfig")}
