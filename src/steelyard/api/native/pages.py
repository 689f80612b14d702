"""Lists: `?limit=&cursor=` in, items and the next cursor out."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1000, description="At most this many items.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]


class PageOut(BaseModel, Generic[T]):
    """One page, newest first; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None
