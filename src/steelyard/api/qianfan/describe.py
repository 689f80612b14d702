"""An evaluation in the vendor's words: the results of DescribeEvalTask and of lists. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from steelyard.api.qianfan.limits import INFER_DATASET, MODEL, RULE
from steelyard.api.qianfan.translate import LABEL
from steelyard.api.qianfan.wire import KeptRequest
from steelyard.domain.evaluation import State

if TYPE_CHECKING:
    from steelyard.domain.evaluation import Evaluation, ObjectSpec

AUTO = "auto"
"""`evalType` of a task that people take no part in."""

STATES = {
    State.DRAFT: "Queued",
    State.QUEUED: "Queued",
    State.INFERRING: "Running",
    State.SCORING: "Running",
    State.AWAITING_REVIEW: "RunningWithManualBegin",
    State.AGGREGATING: "RunningWithMetricsCalculating",
    State.SUCCEEDED: "Successed",
    State.PARTIALLY_FAILED: "Failed",
    State.FAILED: "Failed",
    State.STOPPING: "Stopping",
    State.STOPPED: "Stopped",
}
"""The vendor writes "Successed", and calls a task Failed when some of its parts failed."""


def task_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Returns what a list says of a task. Times are UTC; `finishTime` is empty until the end."""
    return {
        "taskId": evaluation.id,
        "taskName": evaluation.name,
        "description": evaluation.description,
        "evalType": AUTO,
        "evalObjectType": eval_object_type(evaluation),
        "evalMode": eval_mode(evaluation),
        "state": STATES[evaluation.state],
        "createTime": vendor_time(evaluation.created_at),
        "finishTime": vendor_time(evaluation.finished_at),
    }


def task_details(evaluation: Evaluation) -> dict[str, Any]:
    """Returns all that is known of a task; the configurations stand as they were given."""
    request = _request(evaluation)
    return {
        **task_summary(evaluation),
        "evalObjectConfig": request["evalObjectConfig"],
        "evalConfig": request["evalConfig"],
        "evalUnits": _units(evaluation),
        "errorMessage": evaluation.error,
        "stopReason": evaluation.stop_reason,
    }


def eval_object_type(evaluation: Evaluation) -> str:
    """Returns model or inferDataset."""
    return MODEL if _of_models(evaluation) else INFER_DATASET


def _of_models(evaluation: Evaluation) -> bool:
    return evaluation.spec.objects[0].endpoint is not None


def eval_mode(evaluation: Evaluation) -> str:
    """Returns the mode that was asked for."""
    return str(_request(evaluation)["evalConfig"].get("evalMode", RULE))


def object_ids(evaluation: Evaluation) -> list[str]:
    """Returns the modelId or inferDatasetId of every object, as the task was given them."""
    config = _request(evaluation)["evalObjectConfig"]
    if _of_models(evaluation):
        return [one["modelId"] for one in config["evalModelConfig"]["evalModelConfigList"]]
    return [one["inferDatasetId"] for one in config["evalInferDatasetConfig"]["evalInferDatasetConfigList"]]


def unit_ids(evaluation: Evaluation, index: int) -> dict[str, str]:
    """Returns the ids of a unit and of its object; the one that its kind of object lacks is empty."""
    unit = evaluation.units[index]
    ref = object_ids(evaluation)[evaluation.spec.objects.index(unit.object)]
    of_model = unit.object.endpoint is not None
    return {
        "evalUnitId": unit.id,
        "modelId": ref if of_model else "",
        "modelName": unit.label if of_model else "",
        "inferDatasetId": "" if of_model else ref,
    }


def _units(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            **unit_ids(evaluation, unit.index),
            "isBaseline": unit.object.baseline,
            "state": STATES[state],
            "counts": {
                "total": counts.total,
                "answered": counts.answered,
                "failed": counts.failed,
                "scored": counts.scored,
            },
        }
        for unit, state, counts in zip(evaluation.units, evaluation.unit_states, evaluation.counts, strict=True)
    ]


def vendor_time(moment: str) -> str:
    """Returns an RFC 3339 moment as `YYYY-MM-DD hh:mm:ss` in UTC; an empty one stays empty."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _request(evaluation: Evaluation) -> dict[str, Any]:
    kept = _kept_request(evaluation.labels.get(LABEL, ""))
    if kept is not None and _names_as_many(kept, evaluation):
        return cast("dict[str, Any]", json.loads(evaluation.labels[LABEL]))
    return _as_request(evaluation)


def _kept_request(label: str) -> KeptRequest | None:
    # Labels can be set through other doors too: what is no request must not break a list.
    try:
        return msgspec.json.decode(label, type=KeptRequest)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _names_as_many(kept: KeptRequest, evaluation: Evaluation) -> bool:
    config = kept.eval_object_config
    if _of_models(evaluation):
        listed = config.eval_model_config.eval_model_config_list if config.eval_model_config else []
    else:
        results = config.eval_infer_dataset_config
        listed = results.eval_infer_dataset_config_list if results else []
    return len(listed) == len(evaluation.spec.objects)


def _as_request(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the configurations of an evaluation that came through another door, as this one would have been given them."""
    spec = evaluation.spec
    if spec.objects[0].endpoint is None:
        listed = [{"inferDatasetId": one.result_set, "isBaseline": one.baseline} for one in spec.objects]
        config: dict[str, Any] = {"evalInferDatasetConfig": {"evalInferDatasetConfigList": listed}}
    else:
        config = {
            "evalModelConfig": {
                "versionId": spec.datasets[0].version_id,
                "storageType": "sysStorage",
                "evalModelConfigList": [_as_model(one) for one in spec.objects],
            }
        }
    return {"evalObjectConfig": config, "evalConfig": {"evalMode": RULE}}


def _as_model(target: ObjectSpec) -> dict[str, Any]:
    endpoint_id = target.endpoint.id if target.endpoint is not None else ""
    return {
        "modelId": target.model_version_id or endpoint_id or target.label,
        "promptTemplate": target.prompt_template or "{input}",
        "params": {**target.params, **({"system": target.system} if target.system else {})},
        "isBaseline": target.baseline,
    }
