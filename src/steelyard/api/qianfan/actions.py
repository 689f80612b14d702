"""The actions of `/v2/eval`: each takes a body and returns the envelope's `result`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from steelyard.api.qianfan.describe import task_details
from steelyard.api.qianfan.limits import MAX_DESCRIPTION_CHARACTERS, check_length
from steelyard.api.qianfan.listing import describe_tasks
from steelyard.api.qianfan.references import TaskReferences
from steelyard.api.qianfan.report import report_entries
from steelyard.api.qianfan.translate import plan_of, read_task
from steelyard.api.qianfan.wire import DescribeEvalTasksIn, ModifyEvalTaskIn, TaskIn, read_body
from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.evaluation import ENDED, Evaluation
from steelyard.services.evaluations.control import delete_evaluation, start_evaluation, stop_evaluation
from steelyard.services.evaluations.create import compile_plan
from steelyard.services.evaluations.results import current_report

if TYPE_CHECKING:
    from steelyard.ports.executor import Executor
    from steelyard.ports.identity import Principal
    from steelyard.services.evaluations.platform import Platform

Action = Callable[["Platform", "Executor", "Principal", object], Any]


def create_eval_task(platform: Platform, executor: Executor, principal: Principal, body: object) -> str:
    """Creates a task and hands it over; returns its id. Whatever is wrong is said before anything exists."""
    task = read_task(body)
    references = TaskReferences(platform, principal.workspace_id, task)
    plan = plan_of(task, references.names(), cast("dict[str, Any]", body))
    draft = compile_plan(plan, references, where="CreateEvalTask")
    return start_evaluation(platform, executor, draft, principal).id


def describe_eval_task(platform: Platform, executor: Executor, principal: Principal, body: object) -> dict[str, Any]:
    """Returns state, counts and configuration of a task."""
    del executor
    return task_details(_task(platform, principal, body))


def describe_eval_task_report(
    platform: Platform, executor: Executor, principal: Principal, body: object
) -> list[dict[str, Any]]:
    """Returns the report of an ended task, one entry an object."""
    del executor
    evaluation = _task(platform, principal, body)
    _check_ended(evaluation, "there is no report yet")
    return report_entries(evaluation, current_report(platform, evaluation))


def describe_eval_tasks(platform: Platform, executor: Executor, principal: Principal, body: object) -> dict[str, Any]:
    """Returns one page of tasks."""
    del executor
    asked = read_body(body, DescribeEvalTasksIn)
    return describe_tasks(platform.repositories.evaluations, principal.workspace_id, asked)


def stop_eval_task(platform: Platform, executor: Executor, principal: Principal, body: object) -> dict[str, Any]:
    """Asks a task to stop; one that has ended is left as it is."""
    stop_evaluation(platform, executor, principal.workspace_id, read_body(body, TaskIn).task_id)
    return {}


def delete_eval_task(platform: Platform, executor: Executor, principal: Principal, body: object) -> dict[str, Any]:
    """Removes an ended task with its results."""
    del executor
    delete_evaluation(platform, principal.workspace_id, read_body(body, TaskIn).task_id)
    return {}


def modify_eval_task(platform: Platform, executor: Executor, principal: Principal, body: object) -> dict[str, Any]:
    """Changes the description of an ended task; while one runs, whoever carries it out is its only writer."""
    del executor
    asked = read_body(body, ModifyEvalTaskIn)
    description = asked.description if asked.description is not None else asked.describtion
    if description is None:
        raise InputError("is missing", where="description", hint="give the new text")
    check_length(description, MAX_DESCRIPTION_CHARACTERS, "description")
    evaluation = _task(platform, principal, body)
    _check_ended(evaluation, "it cannot be modified yet")
    evaluation.description = description
    platform.repositories.evaluations.save(evaluation)
    return {}


ACTIONS: dict[str, Action] = {
    "CreateEvalTask": create_eval_task,
    "DescribeEvalTask": describe_eval_task,
    "DescribeEvalTaskReport": describe_eval_task_report,
    "DescribeEvalTasks": describe_eval_tasks,
    "StopEvalTask": stop_eval_task,
    "DeleteEvalTask": delete_eval_task,
    "ModifyEvalTask": modify_eval_task,
}


def find_action(name: str) -> Action:
    """Returns the action of this name.

    Raises:
        InputError: there is none; the hint lists all.
    """
    if name not in ACTIONS:
        problem = f"'{name[:60]}' is not known here" if name else "is missing"
        raise InputError(problem, where="Action", hint="use one of " + ", ".join(ACTIONS))
    return ACTIONS[name]


def _task(platform: Platform, principal: Principal, body: object) -> Evaluation:
    asked = read_body(body, TaskIn)
    return platform.repositories.evaluations.get(principal.workspace_id, asked.task_id)


def _check_ended(evaluation: Evaluation, problem: str) -> None:
    if evaluation.state not in ENDED:
        raise ConflictError(
            f"the task is {evaluation.state.value}, {problem}",
            where=evaluation.id,
            hint="ask again when DescribeEvalTask says Successed, Failed or Stopped",
            code="not_ended",
        )
