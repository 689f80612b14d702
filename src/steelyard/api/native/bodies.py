"""JSON bodies, before a route sees them: nothing in them that could not be stored and read back."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from steelyard.api.dependencies import PrincipalDep
from steelyard.domain.errors import InputError
from steelyard.services.evaluations.plan import check_plain


async def plain_body(request: Request, _who: PrincipalDep) -> None:
    """Refuses a body with a number that is not finite, half a surrogate pair, or bottomless nesting; anonymous callers first.

    A body of another kind, or that is no JSON, is left to the route.

    Raises:
        InputError: `where` is the path of the field.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json")) or not await request.body():
        return
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return
    await run_in_threadpool(_check, body)


def _check(body: Any) -> None:
    try:
        check_plain(body, where="")
    except InputError as error:
        raise InputError(error.message, where=error.where, hint=error.hint) from None
