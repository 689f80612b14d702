"""The limits of CreateEvalTask, each checked before anything exists.

Source: Baidu Qianfan, "创建模型评估任务" (2025-07-03), request parameters and notes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.api.qianfan.wire import (
        CreateEvalTaskIn,
        EvalConfigIn,
        EvalInferDatasetIn,
        EvalModelConfigIn,
        EvalModelIn,
        ManualEvalConfigIn,
        ModelParamsIn,
    )

MODEL, INFER_DATASET = "model", "inferDataset"
RULE, JUDGE, MANUAL, RULE_AND_JUDGE = "rule", "model", "manual", "rule,model"
DEFAULT_JUDGE = "ERNIE-Bot"
DEFAULT_DIMENSION = "满意度"
MAX_OBJECTS = 5
MAX_OWN_DIMENSIONS = 4
MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 2000
MAX_TOP_K = 2**31 - 1

OBJECTS = "evalObjectConfig"
MODELS = f"{OBJECTS}.evalModelConfig"
MODEL_LIST = f"{MODELS}.evalModelConfigList"
RESULT_SETS = f"{OBJECTS}.evalInferDatasetConfig"
RESULT_SET_LIST = f"{RESULT_SETS}.evalInferDatasetConfigList"

_RANGES = {"temperature": ("0.01", "1.00"), "top_p": ("0.0", "1.0"), "penalty_score": ("1.0", "2.0")}
"""Lowest and highest value, written with as many decimals as the value may have."""


def check_task(task: CreateEvalTaskIn) -> None:
    """Refuses what the vendor's document does not allow.

    Raises:
        InputError: `where` is the field's path.
    """
    if not task.task_name.strip():
        raise InputError("must not be empty", where="taskName", hint="give the task a name")
    check_length(task.task_name, MAX_NAME_CHARACTERS, "taskName")
    check_length(task.description or "", MAX_DESCRIPTION_CHARACTERS, "description")
    one_of(task.eval_object_type, (MODEL, INFER_DATASET), "evalObjectType")
    check_objects(task)
    check_config(task.eval_config)


def check_length(text: str, longest: int, where: str) -> None:
    """Refuses a text of more than `longest` characters."""
    if len(text) > longest:
        raise InputError(f"takes at most {longest} characters, not {len(text)}", where=where, hint="shorten it")


def one_of(value: str, allowed: Sequence[str], where: str) -> None:
    """Refuses a value that is not listed."""
    if value not in allowed:
        raise InputError(f"is '{value[:40]}'", where=where, hint="use one of " + " | ".join(allowed))


def check_objects(task: CreateEvalTaskIn) -> None:
    """Checks kind, number and fields of the objects."""
    config = task.eval_object_config
    models, results = config.eval_model_config, config.eval_infer_dataset_config
    of_models = task.eval_object_type == MODEL
    if (results if of_models else models) is not None:
        raise InputError(
            f"does not go with evalObjectType {task.eval_object_type}",
            where=RESULT_SETS if of_models else MODELS,
            hint="all objects are of one type: leave it out",
        )
    if of_models and models is not None:
        _check_list(models.eval_model_config_list, MODEL_LIST)
        _check_models(models)
    elif not of_models and results is not None:
        _check_list(results.eval_infer_dataset_config_list, RESULT_SET_LIST)
        for i, one in enumerate(results.eval_infer_dataset_config_list):
            _check_id(one.infer_dataset_id, ("ds-",), f"{RESULT_SET_LIST}[{i}].inferDatasetId")
    else:
        raise InputError(
            f"is required by evalObjectType {task.eval_object_type}",
            where=MODELS if of_models else RESULT_SETS,
            hint="name the objects to evaluate",
        )


def _check_list(objects: Sequence[EvalModelIn] | Sequence[EvalInferDatasetIn], where: str) -> None:
    if not 1 <= len(objects) <= MAX_OBJECTS:
        raise InputError(
            f"takes 1 to {MAX_OBJECTS} objects, not {len(objects)}", where=where, hint="split it into several tasks"
        )
    baselines = [i for i, one in enumerate(objects) if one.is_baseline]
    if baselines and len(objects) != 2:
        raise InputError(
            f"needs exactly two objects, not {len(objects)}",
            where=f"{where}[{baselines[0]}].isBaseline",
            hint="compare one object with one baseline",
        )
    if len(baselines) > 1:
        raise InputError("only one object can be the baseline", where=f"{where}[1].isBaseline", hint="set it once")


def _check_models(config: EvalModelConfigIn) -> None:
    _check_id(config.version_id or "", ("ds-",), f"{MODELS}.versionId")
    one_of(config.storage_type or "sysStorage", ("sysStorage", "BOS"), f"{MODELS}.storageType")
    if config.storage_type == "BOS":
        if not (config.storage_path or "").strip():
            raise InputError(
                "is required by storageType BOS", where=f"{MODELS}.storagePath", hint="give the complete path"
            )
        raise InputError(
            "object storage is not configured on this installation",
            where=f"{MODELS}.storageType",
            hint="use sysStorage, or leave it out",
        )
    for i, model in enumerate(config.eval_model_config_list):
        where = f"{MODEL_LIST}[{i}]"
        _check_id(model.model_id, ("amv-", "ep-"), f"{where}.modelId")
        if model.prompt_template is not None and "{input}" not in model.prompt_template:
            raise InputError(
                "must contain {input}",
                where=f"{where}.promptTemplate",
                hint="put {input} where the row's question belongs, or leave the template out",
            )
        if model.params is not None:
            check_params(model.params, f"{where}.params")


def _check_id(value: str, prefixes: tuple[str, ...], where: str) -> None:
    if not value:
        raise InputError("is required", where=where, hint="give an id that starts with " + " or ".join(prefixes))
    if not value.startswith(prefixes):
        raise InputError(
            f"'{value[:40]}' does not start with {' or '.join(prefixes)}", where=where, hint="check the id"
        )


def check_params(params: ModelParamsIn, where: str) -> None:
    """Checks ranges and decimals of the inference parameters."""
    for name, (low, high) in _RANGES.items():
        value: float | None = getattr(params, name)
        if value is not None:
            _check_number(value, low, high, f"{where}.{name}")
    if params.top_k is not None and not 1 <= params.top_k <= MAX_TOP_K:
        raise InputError(
            f"must be a positive integer, not {params.top_k}", where=f"{where}.top_k", hint="use 1 or more"
        )


def _check_number(value: float, low: str, high: str, where: str) -> None:
    lowest, highest = Decimal(low), Decimal(high)
    exact = Decimal(repr(value))
    if not (exact.is_finite() and lowest <= exact <= highest):
        raise InputError(f"must lie in [{low}, {high}], not {value:g}", where=where, hint="correct the value")
    if exact != exact.quantize(lowest):
        places = low.partition(".")[2]
        raise InputError(f"takes {len(places)} decimal place(s), not {value!r}", where=where, hint="round it")


def check_config(config: EvalConfigIn) -> None:
    """Checks the mode and what it needs, then refuses modes that this installation cannot carry out."""
    where = "evalConfig"
    one_of(config.eval_mode, (RULE, JUDGE, MANUAL, RULE_AND_JUDGE), f"{where}.evalMode")
    if config.eval_mode == RULE_AND_JUDGE:
        for name, part in (
            ("autoRuleEvalConfig", config.auto_rule_eval_config),
            ("autoModelEvalConfig", config.auto_model_eval_config),
        ):
            if part is None:
                raise InputError(f"is required by evalMode {RULE_AND_JUDGE}", where=f"{where}.{name}", hint="give both")
    if config.eval_mode == MANUAL:
        _refuse_manual(config.manual_eval_config)
    if config.eval_mode in {JUDGE, RULE_AND_JUDGE}:
        judge = config.auto_model_eval_config
        name = (judge.api_name if judge else None) or DEFAULT_JUDGE
        raise InputError(
            f"no endpoint of this installation stands for the judge '{name[:40]}'",
            where=f"{where}.autoModelEvalConfig.apiName",
            hint="judge models cannot be mapped here yet: use evalMode rule",
        )


def _refuse_manual(config: ManualEvalConfigIn | None) -> None:
    where = "evalConfig.manualEvalConfig.evalDimension"
    if config is None or not config.eval_dimension:
        raise InputError("is required by evalMode manual", where=where, hint=f"name at least {DEFAULT_DIMENSION}")
    own = [one for one in config.eval_dimension if one.dimension != DEFAULT_DIMENSION]
    if len(own) > MAX_OWN_DIMENSIONS:
        raise InputError(
            f"takes at most {MAX_OWN_DIMENSIONS} dimensions beside {DEFAULT_DIMENSION}, not {len(own)}",
            where=where,
            hint="leave some out",
        )
    raise InputError(
        "manual evaluation is not available on this installation", where="evalConfig.evalMode", hint="use evalMode rule"
    )
