"""DescribeEvalTasks: tasks filtered, in either order, a page at a time."""

from __future__ import annotations

import base64
import binascii
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import msgspec

from steelyard.api.qianfan.describe import AUTO, object_ids, task_summary
from steelyard.api.qianfan.limits import one_of
from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steelyard.api.qianfan.wire import DescribeEvalTasksIn
    from steelyard.domain.evaluation import Evaluation
    from steelyard.ports.repositories import Evaluations

DEFAULT_KEYS = 10
MAX_KEYS = 100


def describe_tasks(evaluations: Evaluations, workspace_id: str, asked: DescribeEvalTasksIn) -> dict[str, Any]:
    """Returns one page, newest first unless `pageReverse`; tasks added or deleted meanwhile neither repeat nor hide others.

    Raises:
        InputError: a wrong evalType, maxKeys or marker.
    """
    one_of(asked.eval_type, (AUTO, "manual"), "evalType")
    wanted = DEFAULT_KEYS if asked.max_keys is None else asked.max_keys
    if wanted < 1:
        raise InputError(f"must be a positive integer, not {wanted}", where="maxKeys", hint="use 1 to 100")
    wanted = min(wanted, MAX_KEYS)
    after = _open_marker(asked.marker) if asked.marker else None
    found: list[Evaluation] = []
    if asked.eval_type == AUTO:
        # One more than asked for tells whether there is a next page.
        found = list(islice(_matching(evaluations, workspace_id, asked, after), wanted + 1))
    shown, truncated = found[:wanted], len(found) > wanted
    page: dict[str, Any] = {"marker": asked.marker or "", "maxKeys": wanted, "isTruncated": truncated}
    if truncated:
        page["nextMarker"] = _marker(shown[-1])
    return {"evalTaskList": [task_summary(one) for one in shown], "pageInfo": page}


def _matching(
    evaluations: Evaluations, workspace_id: str, asked: DescribeEvalTasksIn, after: tuple[str, str] | None
) -> Iterator[Evaluation]:
    key = (asked.key_filter or "").strip()
    everything = _newest_first(evaluations, workspace_id)
    for one in reversed(list(everything)) if asked.page_reverse else everything:
        passed = after is None or (_place(one) > after if asked.page_reverse else _place(one) < after)
        if passed and _matches(one, key):
            yield one


def _newest_first(evaluations: Evaluations, workspace_id: str) -> Iterator[Evaluation]:
    cursor: str | None = None
    while True:
        page = evaluations.list(workspace_id, limit=MAX_KEYS, cursor=cursor)
        yield from cast("list[Evaluation]", page.items)
        if (cursor := page.next_cursor) is None:
            return


def _matches(evaluation: Evaluation, key: str) -> bool:
    lowered = key.lower()
    return (
        lowered in evaluation.name.lower()
        or lowered in evaluation.id
        or key in object_ids(evaluation)
        or any(one.model_version_id == key for one in evaluation.spec.objects)
    )


def _place(evaluation: Evaluation) -> tuple[str, str]:
    return evaluation.created_at, evaluation.id


def _marker(evaluation: Evaluation) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_place(evaluation))).decode().rstrip("=")


def _open_marker(marker: str) -> tuple[str, str]:
    try:
        padded = (marker + "=" * (-len(marker) % 4)).encode("ascii")
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=tuple[str, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeError):
        raise InputError(
            "is none that a list returned", where="marker", hint="pass nextMarker as it came, or leave it out"
        ) from None
